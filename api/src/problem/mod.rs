//! What a person sees of an [`Error`]: `application/problem+json` for programs, the error page for people.
//!
//! A handler's error becomes a bare response that carries its [`Problem`] as an extension. The middleware
//! [`render`] stands around all routes and writes the body, since it knows what the handler does not: the
//! request id, whether a program or a person asks, and who is signed in. It does the same for the bare 404, 405, 408,
//! 413 and 500 that the router and the layers answer with, so that there is one shape for every failure.

mod render;
mod words;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::Error;

pub(crate) use render::{is_htmx, render};

/// Seconds after which to try again when a part of the platform is away.
const RETRY_AFTER_SECONDS: u32 = 5;

/// A failure in words.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Stable code, for programs.
    pub(crate) code: &'static str,
    /// A few words.
    pub(crate) title: &'static str,
    /// A sentence that says what happened.
    pub(crate) detail: String,
    /// A sentence that says what to do about it; empty when there is nothing to say.
    pub(crate) mend: &'static str,
    /// Further members of the JSON, such as the session that is in the way.
    pub(crate) extras: Map<String, Value>,
    /// Where the error page leads on: (path, label).
    pub(crate) link: Option<(String, String)>,
}

/// Makes a sentence of an error's text: a capital first, a full stop last.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let mut sentence: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

impl Problem {
    fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: &str,
        mend: &'static str,
    ) -> Self {
        Self { status, code, title, detail: sentence(detail), mend, extras: Map::new(), link: None }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.extras.insert(name.to_owned(), value);
        self
    }

    fn link(mut self, path: String, label: &str) -> Self {
        self.link = Some((path, label.to_owned()));
        self
    }

    fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "That was our fault",
            "Something went wrong on our side.",
            "Try again; if it happens again, tell whoever runs this installation the request id.",
        )
    }

    /// The document of RFC 9457, with `mend` and `request_id` beside the standard members.
    pub(crate) fn to_json(&self, request_id: &str) -> Value {
        let mut document = self.extras.clone();
        document.insert("type".to_owned(), json!(format!("urn:containrlab:problem:{}", self.code)));
        document.insert("code".to_owned(), json!(self.code));
        document.insert("title".to_owned(), json!(self.title));
        document.insert("status".to_owned(), json!(self.status.as_u16()));
        document.insert("detail".to_owned(), json!(self.detail));
        if !self.mend.is_empty() {
            document.insert("mend".to_owned(), json!(self.mend));
        }
        document.insert("request_id".to_owned(), json!(request_id));
        Value::Object(document)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        match &self {
            // Inside the request's span, so that the line carries the request id.
            Self::Internal(cause) => tracing::error!(error = %chain(cause.as_ref()), "a request failed"),
            Self::Unavailable { part, cause } => {
                tracing::warn!(part, error = %chain(cause.as_ref()), "a part of the platform is away");
            }
            _ => tracing::debug!(code = problem.code, "refused"),
        }
        let mut response = problem.status.into_response();
        if self.is_temporary() {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
        response.extensions_mut().insert(problem);
        response
    }
}

impl Error {
    fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TimedOut | Self::SandboxOutOfReach)
    }
}

/// An error with its causes, in one line for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use containrlab_domain::ids::JobId;
    use containrlab_domain::session::SessionError;

    use super::*;

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let problem = Problem::from(&Error::internal("password=hunter2"));
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.to_json("r").to_string().contains("hunter2"));
    }

    #[test]
    fn a_problem_is_a_sentence_with_what_to_do() {
        let job = JobId(uuid::Uuid::from_u128(1));
        let document = Problem::from(&Error::Session(SessionError::Busy { job })).to_json("r");
        assert_eq!(document["status"], 409);
        assert_eq!(document["job"], json!(job));
        assert_eq!(document["detail"], "Another build, run or command of this session is under way.");
        assert_eq!(document["mend"], "Wait until it is done.");
        assert_eq!(document["request_id"], "r");
    }
}
