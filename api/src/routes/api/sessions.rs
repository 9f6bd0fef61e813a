//! Sessions.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::Error;
use crate::extract::{Asker, IdempotencyKey, OwnSession, QueryParams};
use crate::narrate::Narrator;
use crate::services::{lifecycle, reads};
use crate::state::App;
use crate::wire::{EntryJson, SessionJson, SessionList, TimelineJson, TimelineQuery};

/// The learner's sessions.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", responses((status = 200, body = SessionList)))]
pub(super) async fn list(State(app): State<App>, asker: Asker) -> Result<Json<SessionList>, Error> {
    let sessions = app.store.sessions_of(asker.learner).await?;
    Ok(Json(SessionList { sessions: sessions.iter().map(|row| SessionJson::new(row, None)).collect() }))
}

/// A session as it is now.
#[utoipa::path(get, path = "/api/sessions/{id}", tag = "sessions", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = SessionJson)))]
pub(super) async fn read(
    State(app): State<App>,
    OwnSession(session): OwnSession,
) -> Result<Json<SessionJson>, Error> {
    let line = reads::line(&app, &session).await?;
    Ok(Json(SessionJson::new(&session, line)))
}

/// Ends a session. Its files are kept.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "sessions", params(("id" = uuid::Uuid, Path)), responses((status = 202, body = SessionJson)))]
pub(super) async fn end(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
) -> Result<(StatusCode, Json<SessionJson>), Error> {
    let session = lifecycle::end(&app, &asker, &session).await?;
    Ok((StatusCode::ACCEPTED, Json(SessionJson::new(&session, None))))
}

/// Gives a session more time.
#[utoipa::path(post, path = "/api/sessions/{id}/extend", tag = "sessions", params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)), responses((status = 200, body = SessionJson)))]
pub(super) async fn extend(
    State(app): State<App>,
    asker: Asker,
    key: IdempotencyKey,
    OwnSession(session): OwnSession,
) -> Result<Json<SessionJson>, Error> {
    let session = lifecycle::extend(&app, &asker, &session, &key).await?;
    Ok(Json(SessionJson::new(&session, None)))
}

/// What happened in a session, in order.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/timeline",
    tag = "sessions",
    params(("id" = uuid::Uuid, Path), TimelineQuery),
    responses((status = 200, body = TimelineJson))
)]
pub(super) async fn timeline(
    State(app): State<App>,
    OwnSession(session): OwnSession,
    QueryParams(query): QueryParams<TimelineQuery>,
) -> Result<Json<TimelineJson>, Error> {
    let limit = query.limit.unwrap_or(200).clamp(1, 1000) as usize;
    let entries = app.store.timeline(session.session_id, query.after, limit).await?;
    let next = entries.last().map_or(query.after, |last| last.position);
    let mut narrator = Narrator::of(&app, &session);
    let entries = entries.iter().map(|entry| EntryJson::new(&mut narrator, entry)).collect();
    Ok(Json(TimelineJson { entries, next }))
}
