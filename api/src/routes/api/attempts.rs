//! Attempts.

use axum::Json;
use axum::extract::{Path, State};
use containrlab_domain::ids::{AttemptId, LabSlug, SessionId};
use containrlab_store::AttemptState;

use crate::Error;
use crate::extract::{Asker, QueryParams};
use crate::services::{live_log, submit};
use crate::state::App;
use crate::wire::{AttemptDetail, AttemptJson, AttemptList, AttemptsQuery, LogJson, LogQuery};

/// The learner's attempts.
#[utoipa::path(get, path = "/api/attempts", tag = "attempts", params(AttemptsQuery), responses((status = 200, body = AttemptList)))]
pub(super) async fn list(
    State(app): State<App>,
    asker: Asker,
    QueryParams(query): QueryParams<AttemptsQuery>,
) -> Result<Json<AttemptList>, Error> {
    let lab = query.lab.map(LabSlug::new).transpose()?;
    let attempts = app.store.attempts_of(asker.learner, lab.as_ref(), query.session.map(SessionId)).await?;
    Ok(Json(AttemptList { attempts: attempts.iter().map(AttemptJson::from).collect() }))
}

/// An attempt with its newest verdict and those before it.
#[utoipa::path(get, path = "/api/attempts/{id}", tag = "attempts", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = AttemptDetail)))]
pub(super) async fn read(
    State(app): State<App>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<AttemptDetail>, Error> {
    let attempt = submit::find(&app, &asker, id_of(&id)?).await?;
    let judgements = app.store.judgements_of(attempt.attempt_id).await?;
    Ok(Json(AttemptDetail::new(&attempt, &judgements)))
}

/// The judge's log of an attempt from a position on.
#[utoipa::path(
    get,
    path = "/api/attempts/{id}/log",
    tag = "attempts",
    params(("id" = uuid::Uuid, Path), LogQuery),
    responses((status = 200, body = LogJson))
)]
pub(super) async fn log(
    State(app): State<App>,
    asker: Asker,
    Path(id): Path<String>,
    QueryParams(query): QueryParams<LogQuery>,
) -> Result<Json<LogJson>, Error> {
    let attempt = submit::find(&app, &asker, id_of(&id)?).await?;
    let over = attempt.state == AttemptState::Judged;
    let part = live_log::read(&app, attempt.log_id, query.from, over).await?;
    Ok(Json(LogJson::from(part)))
}

fn id_of(text: &str) -> Result<AttemptId, Error> {
    text.parse().map_err(|_| Error::NoSuchAttempt)
}
