//! Pages, and the forms on them. A form that a script posts (`HX-Request: true`) is answered with 204, since what changed
//! follows as events; posted plainly, it is answered with the page to go on with.

mod attempts;
mod buttons;
mod labs;
mod ports;
mod session;
mod sign_in;
mod solution;
mod static_files;

use axum::Router;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use containrlab_store::LearnerRow;
use containrlab_web_templates::{Nav, Shell, Template, Viewer};

use crate::state::App;
use crate::{Error, problem};

/// The pages' routes.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(labs::home))
        .route("/sign-in", get(sign_in::page))
        .route("/sign-in/local", post(sign_in::local))
        .route("/sign-out", post(sign_in::out))
        .route("/labs", get(labs::list))
        .route("/labs/{slug}", get(labs::page))
        .route("/labs/{slug}/start", post(labs::start))
        .route("/labs/{slug}/solution", get(solution::page).post(solution::show))
        .route("/sessions/{id}", get(session::page))
        .route("/sessions/{id}/live", get(session::live))
        .route("/sessions/{id}/ports/{port}", get(ports::open))
        .route("/sessions/{id}/build", post(buttons::build))
        .route("/sessions/{id}/run", post(buttons::run))
        .route("/sessions/{id}/submit", post(buttons::submit))
        .route("/sessions/{id}/hints", post(buttons::hint))
        .route("/sessions/{id}/extend", post(buttons::extend))
        .route("/sessions/{id}/end", post(buttons::end))
        .route("/attempts", get(attempts::list))
        .route("/attempts/{id}", get(attempts::page))
        .route("/static/{*path}", get(static_files::serve))
        .route("/favicon.ico", get(static_files::favicon))
}

/// The frame of a signed-in person's page.
fn shell(title: impl Into<String>, learner: &LearnerRow, nav: Nav) -> Shell {
    Shell::new(title, Some(Viewer { name: learner.name.clone() }), nav)
}

/// A rendered page.
fn page(template: &impl Template) -> Result<Html<String>, Error> {
    template.render().map(Html).map_err(Error::internal)
}

/// Where to go after a form.
fn see_other(path: &str) -> Result<Response, Error> {
    let location = HeaderValue::from_str(path).map_err(Error::internal)?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

/// The answer to a form that stays on its page: nothing for a script, the page again for a plain post.
fn done(headers: &HeaderMap, path: &str) -> Result<Response, Error> {
    if problem::is_htmx(headers) { Ok(StatusCode::NO_CONTENT.into_response()) } else { see_other(path) }
}

/// The answer to a form that leads elsewhere.
fn lead_to(headers: &HeaderMap, path: &str) -> Result<Response, Error> {
    if !problem::is_htmx(headers) {
        return see_other(path);
    }
    let target = HeaderValue::from_str(path).map_err(Error::internal)?;
    Ok((StatusCode::NO_CONTENT, [("hx-redirect", target)]).into_response())
}
