//! The labs.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, Response};
use containrlab_domain::ids::WorkspaceId;
use containrlab_domain::session::Phase;
use containrlab_store::LearnerRow;
use containrlab_store::labs::LoadedLab;
use containrlab_web_templates::{LabPage, LabsPage, Nav, StartChoice};
use serde::Deserialize;

use super::{lead_to, page as html, see_other, shell};
use crate::extract::{Asker, FormBody, IdempotencyKey, SignedIn};
use crate::services::start_lab::{From as StartFrom, find_lab, latest_work, start_lab};
use crate::services::{reads, solution};
use crate::state::App;
use crate::{Error, markdown, view};

/// `GET /`: the labs, or the sign-in for whoever is nobody yet.
pub(super) async fn home(_: SignedIn) -> Result<Response, Error> {
    see_other("/labs")
}

/// `GET /labs`.
pub(super) async fn list(State(app): State<App>, SignedIn(learner): SignedIn) -> Result<Html<String>, Error> {
    let states = reads::lab_states(&app, learner.learner_id).await?;
    let card = |loaded: &LoadedLab| view::lab_card(&app, &loaded.lab, &states);
    html(&LabsPage {
        shell: shell("Labs", &learner, Nav::Labs),
        labs: app.labs.all().into_iter().map(card).collect(),
    })
}

/// `GET /labs/{slug}`.
pub(super) async fn page(
    State(app): State<App>,
    SignedIn(learner): SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>, Error> {
    let lab = &find_lab(&app, &slug)?.lab;
    let states = reads::lab_states(&app, learner.learner_id).await?;
    let attempts = app.store.attempts_of(learner.learner_id, Some(&lab.slug), None).await?;
    html(&LabPage {
        shell: shell(&lab.title, &learner, Nav::Labs),
        lab: view::lab_card(&app, lab, &states),
        text: markdown::render(&lab.description),
        steps: view::lab_steps(lab),
        checks: view::lab_checks(lab),
        start: start_choice(&app, &learner, &slug).await?,
        idempotency_key: view::fresh_key(),
        solution: view::solution_standing(solution::standing(&attempts)),
        solution_key: view::fresh_key(),
        attempts: view::attempt_rows(&app, &attempts),
    })
}

async fn start_choice(app: &App, learner: &LearnerRow, slug: &str) -> Result<StartChoice, Error> {
    let slug = &find_lab(app, slug)?.lab.slug;
    if let Some(active) = app.store.active_session(learner.learner_id, slug).await? {
        let sentence = match active.phase {
            Phase::Unborn | Phase::Starting => "Your session is starting; it goes on by itself.",
            Phase::Ready => "Your sandbox is up, with everything as you left it.",
            Phase::Ending | Phase::Ended => "Your session is ending; its files are being kept.",
        };
        return Ok(StartChoice::Active {
            session: active.session_id.to_string(),
            sentence: sentence.to_owned(),
        });
    }
    let Some((last, tree)) = latest_work(app, learner.learner_id, slug).await? else {
        return Ok(StartChoice::Fresh);
    };
    let changed_at = app.store.workspace_changed_at(WorkspaceId::of(last.session_id)).await?;
    Ok(StartChoice::Resume {
        session: last.session_id.to_string(),
        saved_at: changed_at.unwrap_or(last.requested_at),
        files: tree.files.keys().map(ToString::to_string).collect(),
    })
}

#[derive(Deserialize)]
pub(super) struct StartForm {
    #[serde(default)]
    idempotency_key: Option<String>,
    /// A session to go on from; empty for a fresh start.
    #[serde(default)]
    from: String,
}

/// `POST /labs/{slug}/start`.
pub(super) async fn start(
    State(app): State<App>,
    asker: Asker,
    Path(slug): Path<String>,
    headers: HeaderMap,
    FormBody(form): FormBody<StartForm>,
) -> Result<Response, Error> {
    let lab = find_lab(&app, &slug)?;
    let from = match form.from.as_str() {
        "" => StartFrom::Starter,
        id => StartFrom::Earlier(id.parse().map_err(|_| Error::NoSuchSession)?),
    };
    let key = IdempotencyKey::of_field(form.idempotency_key)?;
    match start_lab(&app, &asker, lab, from, &key).await {
        Ok(session) => lead_to(&headers, &format!("/sessions/{}", session.session_id)),
        Err(error) => Err(error),
    }
}
