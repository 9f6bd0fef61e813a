//! A lab's solution.

use axum::Json;
use axum::extract::{Path, State};
use containrlab_domain::lab::Lab;

use crate::Error;
use crate::extract::Asker;
use crate::services::{solution, start_lab};
use crate::state::App;
use crate::wire::SolutionJson;

/// The solution of a lab, for a learner to whom it was shown.
#[utoipa::path(get, path = "/api/labs/{slug}/solution", tag = "labs", params(("slug" = String, Path)), responses((status = 200, body = SolutionJson)))]
pub(super) async fn read(
    State(app): State<App>,
    asker: Asker,
    Path(slug): Path<String>,
) -> Result<Json<SolutionJson>, Error> {
    let lab: &Lab = &start_lab::find_lab(&app, &slug)?.lab;
    let attempt = solution::shown(&app, &asker, lab).await?;
    Ok(Json(SolutionJson::new(lab, &attempt)))
}

/// Shows the solution of a lab, once an attempt has passed; that it was shown is written down.
#[utoipa::path(post, path = "/api/labs/{slug}/solution", tag = "labs", params(("slug" = String, Path)), responses((status = 200, body = SolutionJson)))]
pub(super) async fn show(
    State(app): State<App>,
    asker: Asker,
    Path(slug): Path<String>,
) -> Result<Json<SolutionJson>, Error> {
    let lab: &Lab = &start_lab::find_lab(&app, &slug)?.lab;
    let attempt = solution::show(&app, &asker, lab).await?;
    Ok(Json(SolutionJson::new(lab, &attempt)))
}
