//! Who is signed in.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;

use crate::Error;
use crate::auth::{cookie, local};
use crate::extract::{JsonBody, RequestIdExt, SignedIn};
use crate::state::App;
use crate::wire::{LearnerJson, LocalSignIn};

/// Who is signed in.
#[utoipa::path(get, path = "/api/auth/me", tag = "sign-in", responses((status = 200, body = LearnerJson)))]
pub(super) async fn me(SignedIn(learner): SignedIn) -> Json<LearnerJson> {
    Json(LearnerJson::from(&learner))
}

/// Signs in by a name alone, where the installation allows it. The login is in the cookie that comes with the answer.
#[utoipa::path(
    post,
    path = "/api/auth/local",
    tag = "sign-in",
    request_body = LocalSignIn,
    responses((status = 200, body = LearnerJson))
)]
pub(super) async fn sign_in_local(
    State(app): State<App>,
    request: Request,
) -> Result<impl IntoResponse, Error> {
    let id = request.request_id();
    let JsonBody(LocalSignIn { name }) = JsonBody::<LocalSignIn>::from_request(request, &app).await?;
    let (learner, token) = local::sign_in(&app, &name, id).await?;
    Ok(([(SET_COOKIE, cookie::sign_in(&app.settings, &token)?)], Json(LearnerJson::from(&learner))))
}

/// Signs out: the login is void from now on.
#[utoipa::path(
    post,
    path = "/api/auth/sign-out",
    tag = "sign-in",
    responses((status = 204, description = "Signed out"))
)]
pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<impl IntoResponse, Error> {
    if let Some(token) = cookie::read(&app.settings, &headers) {
        app.store.delete_login(&token).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie::sign_out(&app.settings)?)]))
}
