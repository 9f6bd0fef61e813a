//! Hints.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use crate::Error;
use crate::extract::{Asker, IdempotencyKey, OptionalJsonBody, OwnSession};
use crate::live::Snapshot;
use crate::services::hints;
use crate::state::App;
use crate::wire::{HintGroupJson, HintJson, HintList, HintRequest};

/// The hints that a session was shown, and about what it can ask for more. What a later one says is not told before it is asked
/// for.
#[utoipa::path(get, path = "/api/sessions/{id}/hints", tag = "sessions", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = HintList)))]
pub(super) async fn list(
    State(app): State<App>,
    OwnSession(session): OwnSession,
) -> Result<Json<HintList>, Error> {
    let lab = hints::lab_of(&app, &session)?;
    let snapshot = Snapshot::read(&app, session.session_id).await?;
    let groups = snapshot.hint_groups(lab).iter().map(HintGroupJson::new).collect();
    Ok(Json(HintList { groups }))
}

/// Shows the next hint about a check, or about the whole lab; each is a little stronger than the one before.
#[utoipa::path(
    post,
    path = "/api/sessions/{id}/hints",
    tag = "sessions",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = Option<HintRequest>),
    responses((status = 201, body = HintJson))
)]
pub(super) async fn show(
    State(app): State<App>,
    asker: Asker,
    // What a key makes is found again by it: see `idempotency`.
    _: IdempotencyKey,
    OwnSession(session): OwnSession,
    OptionalJsonBody(body): OptionalJsonBody<HintRequest>,
) -> Result<impl IntoResponse, Error> {
    let lab = hints::lab_of(&app, &session)?;
    let (hint, number) = hints::show(&app, &asker, &session, lab, body.check.as_deref(), body.number).await?;
    Ok((StatusCode::CREATED, Json(HintJson::new(hint, number))))
}
