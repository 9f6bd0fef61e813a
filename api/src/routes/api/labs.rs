//! Labs, and starting them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use containrlab_domain::ids::SessionId;
use containrlab_domain::lab::Lab;
use containrlab_store::{LabState, LabStateWord};

use crate::extract::{Asker, IdempotencyKey, OptionalJsonBody};
use crate::services::reads;
use crate::services::start_lab::{self, From as StartFrom};
use crate::state::App;
use crate::wire::{
    CheckJson, LabDetail, LabList, LabSummary, ProgressJson, SessionJson, StartRequest, StepJson,
};
use crate::{Error, markdown};

/// All labs, with how far the learner is.
#[utoipa::path(get, path = "/api/labs", tag = "labs", responses((status = 200, body = LabList)))]
pub(super) async fn list(State(app): State<App>, asker: Asker) -> Result<Json<LabList>, Error> {
    let states = reads::lab_states(&app, asker.learner).await?;
    let labs = app.labs.all().into_iter();
    let labs = labs.map(|loaded| summary(&loaded.lab, states.get(&loaded.lab.slug))).collect();
    Ok(Json(LabList { labs }))
}

/// A lab with its text.
#[utoipa::path(get, path = "/api/labs/{slug}", tag = "labs", params(("slug" = String, Path)), responses((status = 200, body = LabDetail)))]
pub(super) async fn detail(
    State(app): State<App>,
    asker: Asker,
    Path(slug): Path<String>,
) -> Result<Json<LabDetail>, Error> {
    let lab = &start_lab::find_lab(&app, &slug)?.lab;
    let states = reads::lab_states(&app, asker.learner).await?;
    Ok(Json(LabDetail {
        summary: summary(lab, states.get(&lab.slug)),
        text: lab.description.clone(),
        html: markdown::render(&lab.description).0,
        steps: lab
            .steps
            .iter()
            .map(|step| StepJson {
                id: step.id.clone(),
                title: step.title.clone(),
                text: step.text.clone(),
                html: markdown::render(&step.text).0,
            })
            .collect(),
        checks: lab
            .checks
            .iter()
            .map(|check| CheckJson { id: check.id.clone(), title: check.title.clone() })
            .collect(),
    }))
}

/// Starts a lab. 409 with the `session` in the way when one is active already.
#[utoipa::path(
    post,
    path = "/api/labs/{slug}/start",
    tag = "labs",
    params(("slug" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = Option<StartRequest>),
    responses((status = 201, body = SessionJson))
)]
pub(super) async fn start(
    State(app): State<App>,
    asker: Asker,
    key: IdempotencyKey,
    Path(slug): Path<String>,
    OptionalJsonBody(body): OptionalJsonBody<StartRequest>,
) -> Result<impl IntoResponse, Error> {
    let lab = start_lab::find_lab(&app, &slug)?;
    let from = match (body.from, body.go_on) {
        (Some(session), _) => StartFrom::Earlier(SessionId(session)),
        (None, true) => StartFrom::Latest,
        (None, false) => StartFrom::Starter,
    };
    let session = start_lab::start_lab(&app, &asker, lab, from, &key).await?;
    let line = reads::line(&app, &session).await?;
    let location = format!("/api/sessions/{}", session.session_id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(SessionJson::new(&session, line))))
}

/// The learner's active session in a lab.
#[utoipa::path(get, path = "/api/labs/{slug}/active", tag = "labs", params(("slug" = String, Path)), responses((status = 200, body = SessionJson)))]
pub(super) async fn active(
    State(app): State<App>,
    asker: Asker,
    Path(slug): Path<String>,
) -> Result<Json<SessionJson>, Error> {
    let lab = start_lab::find_lab(&app, &slug)?;
    let session = start_lab::active(&app, &asker, &lab.lab.slug).await?;
    let line = reads::line(&app, &session).await?;
    Ok(Json(SessionJson::new(&session, line)))
}

fn summary(lab: &Lab, state: Option<&LabState>) -> LabSummary {
    LabSummary {
        slug: lab.slug.to_string(),
        version: lab.version.to_string(),
        order: lab.order,
        title: lab.title.clone(),
        summary: lab.summary.clone(),
        level: lab.level.as_str(),
        minutes: lab.minutes,
        tags: lab.tags.clone(),
        prerequisites: lab.prerequisites.iter().map(ToString::to_string).collect(),
        progress: match state.map(|state| state.state) {
            None => ProgressJson::NotStarted,
            Some(LabStateWord::InProgress | LabStateWord::Tried) => ProgressJson::InProgress,
            Some(LabStateWord::Passed) => ProgressJson::Passed,
        },
        active_session: state.and_then(|state| state.active_session).map(|session| session.0),
    }
}
