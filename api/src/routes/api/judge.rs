//! Submitting.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;

use crate::Error;
use crate::extract::{Asker, IdempotencyKey};
use crate::services::{start_lab, submit};
use crate::state::App;
use crate::wire::AttemptJson;

/// Submits the files of the learner's active session in a lab, as they are now.
#[utoipa::path(
    post,
    path = "/api/judge/{slug}",
    tag = "attempts",
    params(("slug" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = AttemptJson))
)]
pub(super) async fn submit(
    State(app): State<App>,
    asker: Asker,
    key: IdempotencyKey,
    Path(slug): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let lab = start_lab::find_lab(&app, &slug)?;
    let session = start_lab::active(&app, &asker, &lab.lab.slug).await?;
    let attempt = submit::submit(&app, &asker, &session, &key).await?;
    let location = format!("/api/attempts/{}", attempt.attempt_id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(AttemptJson::from(&attempt))))
}
