//! The JSON API. Each route is registered together with its description, so that neither can be without the other.

mod attempts;
mod auth;
mod events;
mod files;
mod health;
mod hints;
mod jobs;
mod judge;
mod labs;
mod openapi;
mod ports;
mod sessions;
mod solution;
mod terminal;

use std::sync::Arc;

use axum::{Extension, Router};
use utoipa::OpenApi;
use utoipa::openapi::response::Response;
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;
use crate::wire::ProblemJson;

/// What the description says before it comes to routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "ContainrLab",
        description = "Learn Docker by doing: labs, sessions with a Docker engine of their own, files, builds, attempts. \
                       Sign in with POST /api/auth/local (where that is on) and keep the cookie. Every failure is \
                       `application/problem+json`."
    ),
    components(schemas(ProblemJson))
)]
struct Description;

/// The routes under `/api`, and their description.
pub(crate) fn router() -> (Router<App>, utoipa::openapi::OpenApi) {
    let (router, mut description) = OpenApiRouter::<App>::with_openapi(Description::openapi())
        .routes(routes!(health::healthz))
        .routes(routes!(auth::me))
        .routes(routes!(auth::sign_in_local))
        .routes(routes!(auth::sign_out))
        .routes(routes!(openapi::document))
        .routes(routes!(labs::list))
        .routes(routes!(labs::detail))
        .routes(routes!(labs::start))
        .routes(routes!(labs::active))
        .routes(routes!(solution::read, solution::show))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::read, sessions::end))
        .routes(routes!(sessions::extend))
        .routes(routes!(sessions::timeline))
        .routes(routes!(ports::list))
        .routes(routes!(hints::list, hints::show))
        .routes(routes!(events::stream))
        .routes(routes!(jobs::build))
        .routes(routes!(jobs::run))
        .routes(routes!(jobs::exec))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::read))
        .routes(routes!(jobs::log))
        .routes(routes!(terminal::connect))
        .routes(routes!(files::read, files::write, files::create, files::delete))
        .routes(routes!(files::raw))
        .routes(routes!(files::rename))
        .routes(routes!(judge::submit))
        .routes(routes!(attempts::list))
        .routes(routes!(attempts::read))
        .routes(routes!(attempts::log))
        .split_for_parts();
    describe_failures(&mut description);
    let document = Arc::new(description.clone());
    (router.layer(Extension(document)), description)
}

/// Every operation can fail in the same shape; said once here instead of at each route.
fn describe_failures(description: &mut utoipa::openapi::OpenApi) {
    let mut problem = Response::new("A failure, in words");
    let schema = Ref::from_schema_name("Problem");
    problem
        .content
        .insert("application/problem+json".to_owned(), RefOr::T(Content::new(Some(RefOr::Ref(schema)))));
    for item in description.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
        }
    }
}
