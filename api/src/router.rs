//! All routes with everything that stands around them. From the outside in: the request's id and its line in the log, the
//! previews, which have names of their own and nothing of what follows, headers, compression, the words for failures, panics, the time limit, other sites, the body limit, keys of repeated requests, the handler.

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
use crate::{Error, idempotency, preview, problem, routes, security};

/// How long an answer may take to begin. Streams and terminals begin at once and then last as long as they like.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The whole service.
pub(crate) fn router(app: App) -> Router {
    let (api, _) = routes::api::router();
    around(routes::pages::router().merge(api), app, TIME_LIMIT)
}

/// Puts everything around some routes that stands around all of them.
fn around(routes: Router<App>, app: App, time_limit: Duration) -> Router {
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));
    routes
        .layer(middleware::from_fn_with_state(app.clone(), idempotency::once))
        .layer(DefaultBodyLimit::max(security::body_limit(&app.settings)))
        .layer(middleware::from_fn_with_state(app.clone(), security::same_site))
        .layer(middleware::from_fn_with_state(app.clone(), security::own_name))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, time_limit))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(app.clone(), problem::render))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(middleware::from_fn_with_state(app.clone(), security::add_headers))
        .layer(middleware::from_fn_with_state(app.clone(), preview::at_its_own_origin))
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use containrlab_store::Store;
    use containrlab_store::labs::LabCatalog;
    use containrlab_store::testing::TestStore;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;
    use tower::ServiceExt;

    use super::*;
    use crate::services::runner::RunnerClient;
    use crate::settings::tests::settings;
    use crate::state::Inner;

    async fn get_from(store: &TestStore, path: &str) -> (StatusCode, String, String) {
        async fn boom() {
            panic!("a secret of the process");
        }
        let settings = settings(None, true);
        let app = App::new(Inner {
            runners: RunnerClient::new(settings.runner_token.clone()).expect("a client"),
            settings,
            store: Store::clone(store),
            labs: LabCatalog::default(),
            terminals: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        });
        let routes = Router::new()
            .route("/boom", get(boom))
            .route("/api/boom", get(boom))
            .route("/api/slow", get(std::future::pending::<()>));
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).expect("a request");
        let response =
            around(routes, app, Duration::from_millis(500)).oneshot(request).await.expect("an answer");
        let status = response.status();
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, kind, String::from_utf8(body.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn a_panic_is_our_fault_and_says_no_more() {
        let store = TestStore::new().await;
        for (path, expected) in
            [("/boom", "text/html; charset=utf-8"), ("/api/boom", "application/problem+json")]
        {
            let (status, kind, body) = get_from(&store, path).await;
            assert_eq!((status, kind.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, expected));
            assert!(body.contains("our side") && !body.contains("secret"), "{body}");
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_is_said_so() {
        let store = TestStore::new().await;
        let (status, kind, body) = get_from(&store, "/api/slow").await;
        assert_eq!((status, kind.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "application/problem+json"));
        assert!(body.contains("timed_out"), "{body}");
    }
}
