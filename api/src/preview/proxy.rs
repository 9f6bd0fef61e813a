//! A request to a service in a sandbox, and its answer, over a byte stream of its own. Bodies pass as they come, both ways, and
//! a connection that changes its protocol (a WebSocket) is from then on bytes.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::UPGRADE;
use axum::http::{StatusCode, Uri, Version};
use axum::response::Response;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

use super::{Names, headers, pass};
use crate::state::App;
use crate::{Error, problem};

/// Passes a request on and gives the answer.
///
/// # Errors
/// [`Error::PreviewUnreadable`] when what listens does not answer in HTTP.
pub(super) async fn forward(
    app: &App,
    names: &Names,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request,
) -> Result<Response, Error> {
    let port = names.place.port;
    let unreadable = |error: hyper::Error| {
        tracing::debug!(port, error = %problem::chain(&error), "a service does not answer in HTTP");
        Error::PreviewUnreadable { port }
    };
    let cookie = pass::cookie_name(&app.settings);
    let protocol = request.headers().get(UPGRADE).cloned();
    let browser = protocol.as_ref().map(|_| hyper::upgrade::on(&mut request));
    headers::inwards(request.headers_mut(), names, cookie, protocol.as_ref());
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    *request.version_mut() = Version::HTTP_11;

    let (mut service, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(unreadable)?;
    // Ends with the answer's body, or when nobody takes it any more.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a service broke off");
        }
    });
    let mut response = service.send_request(request).await.map_err(unreadable)?;
    let changed = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let agreed = response.headers().get(UPGRADE).cloned().filter(|_| changed);
    if changed && let Some(browser) = browser {
        let service = hyper::upgrade::on(&mut response);
        let shutdown = app.shutdown.clone();
        tokio::spawn(async move {
            let (Ok(browser), Ok(service)) = tokio::join!(browser, service) else { return };
            let (mut browser, mut service) = (TokioIo::new(browser), TokioIo::new(service));
            tokio::select! {
                // Either side going is how it ends.
                _ = copy_bidirectional(&mut browser, &mut service) => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
    headers::outwards(response.headers_mut(), names, cookie, agreed.as_ref());
    Ok(response.map(Body::new))
}
