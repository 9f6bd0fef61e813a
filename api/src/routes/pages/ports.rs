//! The way from a session's page to what its containers serve.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::see_other;
use crate::Error;
use crate::extract::{Asker, QueryParams, watchable_session};
use crate::preview::{self, Place};
use crate::state::App;

#[derive(Deserialize)]
pub(super) struct OpenQuery {
    /// The path to open there; `/` unless it is given.
    #[serde(default)]
    to: String,
}

/// `GET /sessions/{id}/ports/{port}`: gives a ticket for the port's own origin and leads there.
pub(super) async fn open(
    State(app): State<App>,
    asker: Asker,
    Path((id, port)): Path<(String, String)>,
    QueryParams(query): QueryParams<OpenQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let session = id.parse().map_err(|_| Error::NoSuchSession)?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or(Error::NoSuchPage)?;
    let session = watchable_session(&app, &asker, session).await?.session_id;
    let path = if preview::is_path(&query.to) { query.to.as_str() } else { "/" };
    see_other(&preview::entrance(&app, &headers, Place { session, port }, path).await?)
}
