//! Builds, runs, commands, and their logs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::JobId;
use containrlab_domain::session::Work;
use containrlab_store::{JobRowState, SessionRow};

use crate::Error;
use crate::extract::{Asker, IdempotencyKey, JsonBody, OptionalJsonBody, OwnSession, QueryParams};
use crate::services::{jobs, live_log};
use crate::state::App;
use crate::wire::{BuildRequest, ExecRequest, JobJson, JobList, LogJson, LogQuery, RunRequest};

/// Builds the workspace.
#[utoipa::path(
    post,
    path = "/api/sessions/{id}/build",
    tag = "jobs",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = Option<BuildRequest>),
    responses((status = 202, body = JobJson))
)]
pub(super) async fn build(
    State(app): State<App>,
    asker: Asker,
    key: IdempotencyKey,
    OwnSession(session): OwnSession,
    OptionalJsonBody(body): OptionalJsonBody<BuildRequest>,
) -> Result<Response, Error> {
    let work = jobs::build_of(&session, body.tag);
    request(&app, &asker, &session, work, &key).await
}

/// Runs an image in the background.
#[utoipa::path(
    post,
    path = "/api/sessions/{id}/run",
    tag = "jobs",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = Option<RunRequest>),
    responses((status = 202, body = JobJson))
)]
pub(super) async fn run(
    State(app): State<App>,
    asker: Asker,
    key: IdempotencyKey,
    OwnSession(session): OwnSession,
    OptionalJsonBody(body): OptionalJsonBody<RunRequest>,
) -> Result<Response, Error> {
    let ports = body.ports.map(|ports| ports.iter().map(|port| (port.sandbox, port.container)).collect());
    let work = jobs::run_of(&app, &session, body.image, ports);
    request(&app, &asker, &session, work, &key).await
}

/// Runs a command as the learner, in the workspace.
#[utoipa::path(
    post,
    path = "/api/sessions/{id}/exec",
    tag = "jobs",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = ExecRequest,
    responses((status = 202, body = JobJson))
)]
pub(super) async fn exec(
    State(app): State<App>,
    asker: Asker,
    key: IdempotencyKey,
    OwnSession(session): OwnSession,
    JsonBody(body): JsonBody<ExecRequest>,
) -> Result<Response, Error> {
    let work = Work::Exec { argv: body.argv, timeout_seconds: body.timeout_seconds };
    request(&app, &asker, &session, work, &key).await
}

async fn request(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    work: Work,
    key: &IdempotencyKey,
) -> Result<Response, Error> {
    let job = jobs::request(app, asker, session, work, key).await?;
    let location = format!("/api/sessions/{}/jobs/{}", job.session_id, job.job_id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(JobJson::from(&job))).into_response())
}

/// A session's jobs.
#[utoipa::path(get, path = "/api/sessions/{id}/jobs", tag = "jobs", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = JobList)))]
pub(super) async fn list(
    State(app): State<App>,
    OwnSession(session): OwnSession,
) -> Result<Json<JobList>, Error> {
    let jobs = app.store.jobs_of(session.session_id).await?;
    Ok(Json(JobList { jobs: jobs.iter().rev().map(JobJson::from).collect() }))
}

/// A job of a session.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/jobs/{job}",
    tag = "jobs",
    params(("id" = uuid::Uuid, Path), ("job" = uuid::Uuid, Path)),
    responses((status = 200, body = JobJson))
)]
pub(super) async fn read(
    State(app): State<App>,
    OwnSession(session): OwnSession,
    Path(ids): Path<(String, String)>,
) -> Result<Json<JobJson>, Error> {
    let job = jobs::find(&app, &session, id_of(&ids.1)?).await?;
    Ok(Json(JobJson::from(&job)))
}

/// A job's log from a position on.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/jobs/{job}/log",
    tag = "jobs",
    params(("id" = uuid::Uuid, Path), ("job" = uuid::Uuid, Path), LogQuery),
    responses((status = 200, body = LogJson))
)]
pub(super) async fn log(
    State(app): State<App>,
    OwnSession(session): OwnSession,
    Path(ids): Path<(String, String)>,
    QueryParams(query): QueryParams<LogQuery>,
) -> Result<Json<LogJson>, Error> {
    let job = jobs::find(&app, &session, id_of(&ids.1)?).await?;
    let over = job.state == JobRowState::Done;
    let part = live_log::read(&app, job.log_id, query.from, over).await?;
    Ok(Json(LogJson::from(part)))
}

fn id_of(text: &str) -> Result<JobId, Error> {
    text.parse().map_err(|_| Error::NoSuchJob)
}
