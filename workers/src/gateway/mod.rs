//! The runner's own door, for the api alone: terminals, ports, and the last changes of a workspace.
//!
//! # Architecture invariant
//!
//! Whoever knows RUNNER_TOKEN may do everything here: who may see which session is the api's to decide, before it
//! knocks.

mod ports;
mod terminal_ws;
mod token;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use containrlab_agent::message::ErrorCode;
use containrlab_domain::ids::SessionId;
use serde_json::json;
use tokio::net::TcpListener;

use crate::error::Error;
use crate::jobs::COUNTS;
use crate::runner::{Runner, troubles_told};

/// Listens where the settings say; the address that it got.
///
/// # Errors
/// [`Error::Listen`] when the address is taken.
pub(crate) async fn listen(runner: &Runner) -> Result<TcpListener, Error> {
    let address = runner.settings.listen;
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

/// Serves until the runner drains; terminals are told to come back.
pub(crate) async fn serve(runner: Arc<Runner>, listener: TcpListener) {
    let draining = runner.draining.clone();
    let served = axum::serve(listener, router(runner))
        .with_graceful_shutdown(async move { draining.cancelled().await })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the gateway ended");
    }
}

fn router(runner: Arc<Runner>) -> Router {
    let inner = Router::new()
        .route("/sessions/{session}/terminal/ws", get(terminal_ws::connect))
        .route("/sessions/{session}/flush", post(flush))
        .route("/sessions/{session}/ports", get(ports::list))
        .route("/sessions/{session}/ports/{port}", get(ports::connect))
        .route("/counters", get(counters))
        .layer(middleware::from_fn_with_state(Arc::clone(&runner), token::require));
    Router::new().route("/healthz", get(healthz)).merge(inner).with_state(runner)
}

async fn healthz(State(runner): State<Arc<Runner>>) -> Json<serde_json::Value> {
    Json(json!({
        "status": "ok",
        "runner": runner.id,
        "draining": runner.draining.is_cancelled(),
        "sessions": runner.all_held().len(),
        "capacity": runner.room.capacity(),
        "carried_by_disk": runner.room.carried_by_disk(),
    }))
}

async fn counters() -> Json<serde_json::Value> {
    let jobs = COUNTS.all().map(|(name, count)| (name.to_owned(), count.into()));
    let troubles =
        troubles_told().map(|(trouble, count)| (format!("trouble_{}", trouble.code()), count.into()));
    Json(serde_json::Value::Object(jobs.into_iter().chain(troubles).collect()))
}

/// Records what was changed in the sandbox up to now; a submission begins with it.
async fn flush(State(runner): State<Arc<Runner>>, Path(session): Path<SessionId>) -> Response {
    let Some(held) = runner.held(session) else { return refuse(&Error::NotHere) };
    match held.workspace.flush().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(&error),
    }
}

/// An error as the api reads it.
fn refuse(error: &Error) -> Response {
    let status = match error {
        Error::NotHere => StatusCode::NOT_FOUND,
        Error::Agent(error) if error.is(ErrorCode::NotListening) => StatusCode::CONFLICT,
        Error::Session(_) | Error::Workspace(_) => StatusCode::CONFLICT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(json!({ "code": error.code(), "detail": error.to_string() }))).into_response()
}
