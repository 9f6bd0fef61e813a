//! The middleware that gives every failure its body.

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use containrlab_web_templates::{ErrorPage, Nav, Shell, Template};

use super::Problem;
use crate::Error;
use crate::auth::viewer_of;
use crate::extract::RequestIdExt;
use crate::state::App;

/// Who is to read the answer.
enum Reader {
    /// A program, or a page's script.
    Program,
    /// A person, by a plain request of a browser.
    Person,
}

/// What a bare status from the router or a layer stands for.
fn of_bare_status(status: StatusCode) -> Option<Error> {
    match status {
        StatusCode::NOT_FOUND => Some(Error::NoSuchPage),
        StatusCode::METHOD_NOT_ALLOWED => Some(Error::MethodNotAllowed),
        StatusCode::REQUEST_TIMEOUT => Some(Error::TimedOut),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Error::BodyTooLarge),
        status if status.is_client_error() => Some(Error::UnfitQuery("it cannot be understood".to_owned())),
        status if status.is_server_error() => {
            Some(Error::internal(format!("a layer answered {status} without a word")))
        }
        _ => None,
    }
}

/// Middleware: gives every failure its body.
pub(crate) async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let path = request.uri().path().to_owned();
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let method = request.method().clone();
    let request_id = request.request_id().to_string();

    let mut response = next.run(request).await;
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if response.headers().contains_key(CONTENT_TYPE) => return response,
        None => match of_bare_status(response.status()) {
            None => return response,
            Some(error) => {
                let allow = response.headers_mut().remove(ALLOW);
                let mut bare = error.into_response();
                if let Some(allow) = allow {
                    bare.headers_mut().insert(ALLOW, allow);
                }
                response = bare;
                match response.extensions_mut().remove::<Problem>() {
                    Some(problem) => problem,
                    None => return response,
                }
            }
        },
    };
    let wants_sign_in = problem.status == StatusCode::UNAUTHORIZED;
    let mut rendered = match reader(&path, &headers) {
        Reader::Program => {
            let mut rendered = (
                problem.status,
                [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))],
                problem.to_json(&request_id).to_string(),
            )
                .into_response();
            if wants_sign_in && is_htmx(&headers) {
                rendered.headers_mut().insert("hx-redirect", HeaderValue::from_static("/sign-in"));
            }
            rendered
        }
        Reader::Person if wants_sign_in => {
            let next = if method == Method::GET { target.as_str() } else { "" };
            let query: String =
                url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            let location = HeaderValue::from_str(&format!("/sign-in?{query}"))
                .unwrap_or_else(|_| HeaderValue::from_static("/sign-in"));
            (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
        }
        Reader::Person => error_page(&app, &problem, &headers, request_id).await,
    };
    for (name, value) in response.headers() {
        if keeps(name) {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    rendered
}

/// Headers of the bare response that outlive the writing of its body.
fn keeps(name: &HeaderName) -> bool {
    matches!(name.as_str(), "retry-after" | "allow" | "set-cookie")
}

fn reader(path: &str, headers: &HeaderMap) -> Reader {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let streams = accepts.starts_with("text/event-stream");
    if path == "/api" || path.starts_with("/api/") || is_htmx(headers) || streams {
        Reader::Program
    } else {
        Reader::Person
    }
}

/// Whether a script of the page sent it.
pub(crate) fn is_htmx(headers: &HeaderMap) -> bool {
    headers.get("hx-request").is_some_and(|value| value == "true")
}

async fn error_page(app: &App, problem: &Problem, headers: &HeaderMap, request_id: String) -> Response {
    // While the database is away nobody can be named; the page says so without a name.
    let viewer = viewer_of(app, headers).await;
    let page = ErrorPage {
        shell: Shell::new(problem.title, viewer, Nav::Elsewhere),
        status: problem.status.as_u16(),
        title: problem.title.to_owned(),
        sentence: problem.detail.clone(),
        mend: (!problem.mend.is_empty()).then(|| problem.mend.to_owned()),
        request_id,
        link: problem.link.clone(),
    };
    match page.render() {
        Ok(html) => (problem.status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the error page cannot be rendered");
            (problem.status, problem.detail.clone()).into_response()
        }
    }
}
