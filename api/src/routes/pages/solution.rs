//! A lab's solution.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, Response};
use containrlab_web_templates::{Nav, SolutionPage};

use super::{lead_to, page as html, shell};
use crate::extract::{Asker, SignedIn};
use crate::services::{solution, start_lab};
use crate::state::App;
use crate::{Error, view};

/// `GET /labs/{slug}/solution`: for whom it was shown.
pub(super) async fn page(
    State(app): State<App>,
    SignedIn(learner): SignedIn,
    asker: Asker,
    Path(slug): Path<String>,
) -> Result<Html<String>, Error> {
    let lab = &start_lab::find_lab(&app, &slug)?.lab;
    let attempt = solution::shown(&app, &asker, lab).await?;
    let own = solution::own_files(&app, &lab.solution, &attempt).await?;
    html(&SolutionPage {
        shell: shell(format!("Solution · {}", lab.title), &learner, Nav::Labs),
        lab_slug: lab.slug.to_string(),
        lab_title: lab.title.clone(),
        attempt_id: attempt.attempt_id.to_string(),
        attempt_number: attempt.number,
        files: view::solution_files(&lab.solution, &own),
        only_yours: own.others,
    })
}

/// `POST /labs/{slug}/solution`: shows it, and leads to it.
pub(super) async fn show(
    State(app): State<App>,
    asker: Asker,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let lab = &start_lab::find_lab(&app, &slug)?.lab;
    solution::show(&app, &asker, lab).await?;
    lead_to(&headers, &format!("/labs/{}/solution", lab.slug))
}
