//! The open ports of a session's sandbox.

use axum::Json;
use axum::extract::State;

use crate::extract::OwnSession;
use crate::services::runner;
use crate::state::App;
use crate::wire::{OpenPort, PortList};
use crate::{Error, preview};

/// The ports on which something listens in the sandbox, and where each can be looked at in a browser.
#[utoipa::path(get, path = "/api/sessions/{id}/ports", tag = "sessions", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = PortList)))]
pub(super) async fn list(
    State(app): State<App>,
    OwnSession(session): OwnSession,
) -> Result<Json<PortList>, Error> {
    let on = preview::are_on(&app.settings);
    let open = |port| OpenPort {
        port,
        preview: on.then(|| format!("/sessions/{}/ports/{port}", session.session_id)),
    };
    let ports = runner::open_ports(&app, &session).await?.into_iter().map(open).collect();
    Ok(Json(PortList { ports }))
}
