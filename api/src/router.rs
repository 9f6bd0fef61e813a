//! All routes with everything that stands around them. From the outside in: the request's id and its line in the log,
//! headers, compression, the words for failures, panics, the time limit, other sites, the body limit, the handler.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::RequestId;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::timeout::TimeoutLayer;
use tracing::Instrument;
use uuid::Uuid;

use crate::state::App;
use crate::{Error, problem, routes, security};

/// How long an answer may take to begin. Streams and terminals begin at once and then last as long as they like.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The whole service.
pub(crate) fn router(app: App) -> Router {
    let (api, _) = routes::api::router();
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));
    Router::new()
        .merge(routes::pages::router())
        .merge(api)
        .layer(DefaultBodyLimit::max(security::BODY_LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), security::same_site))
        .layer(middleware::from_fn_with_state(app.clone(), security::own_name))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIME_LIMIT))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(app.clone(), problem::render))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(middleware::from_fn_with_state(app.clone(), security::add_headers))
        .layer(middleware::from_fn(trace))
        .with_state(app)
}

fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no words");
    Error::internal(format!("a handler panicked: {text}")).into_response()
}

/// Middleware: gives the request its id, and its line in the log. The query is not logged: it holds what people wrote.
async fn trace(mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7());
    request.extensions_mut().insert(id);
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!(
        "request",
        request = %id,
        method = %request.method(),
        path,
        learner = tracing::field::Empty,
        session = tracing::field::Empty,
    );
    let began = std::time::Instant::now();
    async move {
        let mut response = next.run(request).await;
        let milliseconds = began.elapsed().as_millis() as u64;
        let status = response.status().as_u16();
        if path.starts_with("/static/") || path == "/api/healthz" {
            tracing::debug!(status, milliseconds, "answered");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert("x-request-id", value);
        }
        response
    }
    .instrument(span)
    .await
}
