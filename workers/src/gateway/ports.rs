//! The ports of a session's sandbox: which there are, and a byte stream to one of them.
//!
//! `GET …/ports?known=80,8080` waits until the ports are others than those named, a while at most, and answers with those that
//! there are. `GET …/ports/{port}` with `Upgrade: containrlab-tcp` becomes the stream itself: 101, and from then on the bytes as
//! they are, both ways. Whose bytes these may be, the api has decided.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::SessionId;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::refuse;
use crate::error::Error;
use crate::runner::{Held, Runner};
use crate::sandbox::{AgentError, carry};

/// The protocol that `Upgrade` names.
const PROTOCOL: &str = "containrlab-tcp";

/// How long a question may wait for the ports to change.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time between two looks at a sandbox's ports, for each who waits.
const INTERVAL: Duration = Duration::from_secs(1);

/// Which ports the one who asks knows of.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    /// Numbers with commas between them; none at all: answer at once.
    known: Option<String>,
}

/// The ports on which something listens.
#[derive(Debug, Serialize)]
pub(super) struct Open {
    ports: Vec<u16>,
}

pub(super) async fn list(
    State(runner): State<Arc<Runner>>,
    Path(session): Path<SessionId>,
    Query(wish): Query<Known>,
) -> Response {
    let Some(held) = runner.held(session) else { return refuse(&Error::NotHere) };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ports = match open_ports(&held).await {
            Ok(ports) => ports,
            Err(error) => return refuse(&error.into()),
        };
        let is_news = wish.known.as_ref().is_none_or(|known| *known != named(&ports));
        if is_news || Instant::now() >= deadline {
            return Json(Open { ports }).into_response();
        }
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = held.ending.cancelled() => return refuse(&Error::NotHere),
            () = runner.draining.cancelled() => return refuse(&Error::Stopped),
        }
    }
}

async fn open_ports(held: &Held) -> Result<Vec<u16>, AgentError> {
    Ok(held.sandbox.agent.tcp_ports().await?.into_iter().map(|port| port.port).collect())
}

fn named(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}

pub(super) async fn connect(
    State(runner): State<Arc<Runner>>,
    Path((session, port)): Path<(SessionId, u16)>,
    mut request: Request,
) -> Response {
    let Some(held) = runner.held(session) else { return refuse(&Error::NotHere) };
    if request.headers().get(UPGRADE).is_none_or(|protocol| protocol != PROTOCOL) {
        return (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, PROTOCOL)]).into_response();
    }
    let (reader, writer) = match held.sandbox.agent.tcp_connect(port).await {
        Ok(connection) => connection,
        Err(error) => return refuse(&error.into()),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let (draining, ending) = (runner.draining.clone(), held.ending.clone());
    tokio::spawn(async move {
        let stream = match upgrade.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return tracing::debug!(%error, "the api did not take a stream to a port"),
        };
        tokio::select! {
            () = carry(reader, writer, stream) => {}
            () = draining.cancelled() => {}
            () = ending.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
    response
}
