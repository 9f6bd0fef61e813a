//! A look at what a learner's own containers serve.
//!
//! Every port of every session has an origin of its own, `p-<port>-<session>.<domain>`, so that a learner's page can read neither
//! the platform's cookies nor another session's. Requests for such a name never come to the platform's routes, and no other
//! name leads to a sandbox ([`place`]). Who may look is told by a pass, a cookie at that origin; the platform gives a ticket for it,
//! which counts once ([`pass`]). What comes in goes as HTTP over a byte stream: api ↔ runner ↔ agent ↔ 127.0.0.1:port in the
//! sandbox ([`proxy`]), with only those headers changed that say where both sides are ([`headers`], [`names`]).

mod headers;
mod names;
mod notice;
mod pass;
mod place;
mod proxy;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN, UPGRADE};
use axum::middleware::Next;
use axum::response::Response;
use containrlab_store::SessionRow;

pub(crate) use pass::{entrance, is_path};
pub(crate) use place::Place;

use crate::extract::RequestIdExt;
use crate::services::{access, runner};
use crate::state::App;
use crate::{Error, Settings};
use names::Names;

/// Whether previews have names in this installation.
pub(crate) fn are_on(settings: &Settings) -> bool {
    place::domain(settings).is_some()
}

/// Middleware: answers what is asked of a preview's name, and leaves everything else to the platform.
pub(crate) async fn at_its_own_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = host_of(&request).to_owned();
    let id = request.request_id();
    match Place::named(&app.settings, &host) {
        Ok(None) => next.run(request).await,
        Ok(Some(place)) => {
            let names = Names::new(&app.settings, place, &host);
            let headers = request.headers().clone();
            match answer(&app, &names, request).await {
                Ok(response) => response,
                Err(error) => notice::of(&names, &headers, id, error),
            }
        }
        Err(error) => notice::elsewhere(id, error),
    }
}

/// The name that was asked for; HTTP/2 has it in the address.
fn host_of(request: &Request) -> &str {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default()
}

async fn answer(app: &App, names: &Names, request: Request) -> Result<Response, Error> {
    if request.uri().path() == pass::ENTRANCE {
        return pass::enter(app, names, request.uri()).await;
    }
    from_the_same_session(names, &request)?;
    let session = who_may_look(app, names, request.headers()).await?;
    runner::must_be_ready(&session)?;
    let runner = runner::of_session(app, &session).await?.ok_or(Error::SandboxOutOfReach)?;
    let stream = app.runners.connect(&runner, session.session_id, names.place.port).await?;
    proxy::forward(app, names, stream, request).await
}

/// The session whose port it is, if the one who asks has a pass and may still look.
async fn who_may_look(app: &App, names: &Names, headers: &HeaderMap) -> Result<SessionRow, Error> {
    let Place { session, port } = names.place;
    let pass = pass::read(&app.settings, headers).ok_or(Error::PreviewClosed)?;
    let learner = app.store.preview_holder(&pass, session, port).await?.ok_or(Error::PreviewClosed)?;
    let session = app.store.session(session).await?.ok_or(Error::PreviewClosed)?;
    if !access::may_look_into(learner, &session) {
        return Err(Error::PreviewClosed);
    }
    tracing::Span::current().record("learner", tracing::field::display(learner));
    tracing::Span::current().record("session", tracing::field::display(session.session_id));
    Ok(session)
}

/// Refuses what pages of other origins send and what could change something: a browser sends the pass along. Ports of the same
/// session may speak to one another.
fn from_the_same_session(names: &Names, request: &Request) -> Result<(), Error> {
    if request.method().is_safe() && !request.headers().contains_key(UPGRADE) {
        return Ok(());
    }
    let foreign = |origin: &str| Err(Error::ForeignOrigin(origin.chars().take(100).collect()));
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    match (text(ORIGIN), request.headers().get("sec-fetch-site").map(|value| value.as_bytes())) {
        (Some(origin), _) if names.port_of(origin).is_some() => Ok(()),
        (Some(origin), _) => foreign(origin),
        (None, None | Some(b"same-origin" | b"none")) => Ok(()),
        (None, Some(_)) => foreign("cross-site"),
    }
}
