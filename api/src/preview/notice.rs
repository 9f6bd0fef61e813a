//! What is said in place of a preview: a page by itself, since it stands at the learner's origin and may load nothing of the
//! platform's, or the problem as JSON for a program.

use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use containrlab_domain::ids::RequestId;
use containrlab_domain::session::SessionError;
use containrlab_web_templates::{PreviewNotice, Template};

use super::names::Names;
use crate::Error;
use crate::problem::Problem;

/// An error in place of a preview.
pub(super) fn of(names: &Names, headers: &HeaderMap, request: RequestId, error: Error) -> Response {
    let session = format!("{}/sessions/{}", names.home, names.place.session);
    let link = match &error {
        // Through the platform, which knows who it is, and back.
        Error::PreviewClosed => {
            Some((format!("{session}/ports/{}", names.place.port), "Open it from your session".to_owned()))
        }
        Error::Session(SessionError::Ended | SessionError::NotReady) => {
            Some((session, "To the session".to_owned()))
        }
        _ => None,
    };
    // A service that is just starting: the engine takes connections for it before it does.
    let looks_again = matches!(
        error,
        Error::NothingListens { .. } | Error::PreviewUnreadable { .. } | Error::SandboxOutOfReach
    );
    let (response, problem) = taken_apart(error);
    let Some(problem) = problem else { return response };
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") {
        return with_headers(
            problem.status,
            "application/problem+json",
            problem.to_json(&request.to_string()).to_string(),
        );
    }
    let notice = PreviewNotice {
        port: names.place.port,
        title: problem.title.to_owned(),
        sentence: problem.detail.clone(),
        mend: problem.mend.to_owned(),
        link,
        looks_again,
    };
    match notice.render() {
        Ok(html) => with_headers(problem.status, "text/html; charset=utf-8", html),
        Err(error) => {
            tracing::error!(%error, "a preview's notice cannot be rendered");
            (problem.status, Html(problem.detail)).into_response()
        }
    }
}

/// An error at a name that is nobody's.
pub(super) fn elsewhere(request: RequestId, error: Error) -> Response {
    let (response, problem) = taken_apart(error);
    problem.map_or(response, |problem| {
        with_headers(
            problem.status,
            "application/problem+json",
            problem.to_json(&request.to_string()).to_string(),
        )
    })
}

/// The bare answer, which also goes to the log, and what it is to say.
fn taken_apart(error: Error) -> (Response, Option<Problem>) {
    let mut response = error.into_response();
    let problem = response.extensions_mut().remove::<Problem>();
    (response, problem)
}

fn with_headers(status: StatusCode, kind: &'static str, body: String) -> Response {
    // The page has its few styles in itself, asks for nothing, and is framed by nobody.
    const POLICY: &str =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, body).into_response()
}
