//! A session's events as they happen.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{OwnSession, QueryParams};
use crate::state::App;
use crate::{Error, live};

/// From where on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Events after this position of the ledger; `Last-Event-ID` goes before it.
    #[serde(default)]
    after: i64,
}

/// A session's events as server-sent events: those of the ledger (`id` is the position, data an entry of the timeline),
/// `session`, `log`, and `end` when nothing follows any more.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/events",
    tag = "sessions",
    params(("id" = uuid::Uuid, Path), EventsQuery, ("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
pub(super) async fn stream(
    State(app): State<App>,
    OwnSession(session): OwnSession,
    QueryParams(query): QueryParams<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let last = match headers.get("last-event-id") {
        None => None,
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.parse().ok());
            Some(id.ok_or_else(|| Error::UnfitQuery("Last-Event-ID is a position of the ledger".to_owned()))?)
        }
    };
    live::event_stream(app, &session, last.unwrap_or(query.after)).await
}
