//! What a person sees of an [`Error`]: `application/problem+json` for programs, the error page for people.
//!
//! A handler's error becomes a bare response that carries its [`Problem`] as an extension. The middleware
//! [`render`] stands around all routes and writes the body, since it knows what the handler does not: the
//! request id, whether a program or a person asks, and who is signed in. It does the same for the bare 404, 405, 408,
//! 413 and 500 that the router and the layers answer with, so that there is one shape for every failure.

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use containrlab_domain::job::JobRefusal;
use containrlab_domain::session::SessionError;
use containrlab_domain::workspace::WorkspaceError;
use containrlab_web_templates::{ErrorPage, Nav, Shell, Template};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::auth::viewer_of;
use crate::extract::RequestIdExt;
use crate::state::App;

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

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let problem = |status, code, title, mend| Self::new(status, code, title, &detail, mend);
        match error {
            Error::LocalSignInWithPublicUrl | Error::PublicUrl(_) | Error::Labs(_) | Error::Serve(_) => {
                Self::internal()
            }
            Error::Internal(_) => Self::internal(),
            Error::NotSignedIn => problem(
                S::UNAUTHORIZED,
                "not_signed_in",
                "Not signed in",
                "Sign in, then do this again. Nothing is lost.",
            ),
            Error::LocalSignInOff => problem(
                S::FORBIDDEN,
                "local_sign_in_off",
                "Local sign-in is off",
                "Whoever runs this installation can turn it on with LOCAL_SIGN_IN=true where no PUBLIC_URL is set.",
            ),
            Error::Name(_) => problem(
                S::UNPROCESSABLE_ENTITY,
                "invalid_name",
                "This name cannot be taken",
                "Choose another name.",
            ),
            Error::NoSuchPage => problem(S::NOT_FOUND, "not_found", "Nothing here", "Go on from the labs."),
            Error::MethodNotAllowed => {
                problem(S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", "")
            }
            Error::NoSuchLab(_) => problem(
                S::NOT_FOUND,
                "no_such_lab",
                "No such lab",
                "Look at the list of labs for those that there are.",
            ),
            Error::NoSuchSession => problem(
                S::NOT_FOUND,
                "no_such_session",
                "No such session",
                "Look whether you are signed in as the one whose session it is, or start the lab.",
            ),
            Error::NoSuchJob => problem(S::NOT_FOUND, "no_such_job", "No such job", ""),
            Error::NoSuchAttempt => problem(
                S::NOT_FOUND,
                "no_such_attempt",
                "No such attempt",
                "Look at your list of attempts for those that there are.",
            )
            .link("/attempts".to_owned(), "To your attempts"),
            Error::NoActiveSession(slug) => problem(
                S::NOT_FOUND,
                "no_active_session",
                "No active session",
                "Start the lab; what you wrote before can be taken over.",
            )
            .link(format!("/labs/{slug}"), "To the lab"),
            Error::SessionActive { session } => problem(
                S::CONFLICT,
                "session_active",
                "A session is active",
                "Go on in the active session, or end it first.",
            )
            .with("session", json!(session))
            .with("location", json!(format!("/api/sessions/{session}")))
            .link(format!("/sessions/{session}"), "To the active session"),
            Error::Judging { attempt } => problem(
                S::CONFLICT,
                "judging",
                "An attempt is being judged",
                "Wait for its verdict, then submit again.",
            )
            .with("attempt", json!(attempt)),
            Error::Session(refusal) => Self::of_session(refusal, &detail),
            Error::Workspace(refusal) => Self::of_workspace(refusal, &detail),
            Error::Attempt(_) => problem(S::CONFLICT, "attempt_refused", "The attempt cannot take this", ""),
            Error::Path(_) => problem(
                S::UNPROCESSABLE_ENTITY,
                "invalid_path",
                "Not a path of the workspace",
                "Give a path like src/app.py, from the workspace on.",
            ),
            Error::BinaryFile { .. } => problem(
                S::UNSUPPORTED_MEDIA_TYPE,
                "binary_file",
                "A binary file",
                "Look at it in the terminal.",
            ),
            Error::Conflict => problem(
                S::CONFLICT,
                "conflict",
                "Changed at the same moment",
                "Look at how things stand now, and try again.",
            ),
            Error::KeyReused => problem(
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "Idempotency key used before",
                "Send a fresh key with every new request; the same key only to repeat one.",
            ),
            Error::NotJson => problem(
                S::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "Not JSON",
                "Send JSON with content-type: application/json.",
            ),
            Error::MalformedBody(_) => problem(
                S::BAD_REQUEST,
                "malformed_body",
                "Not valid JSON",
                "Mend the body and send it again.",
            ),
            Error::UnfitBody { place, .. } => problem(
                S::UNPROCESSABLE_ENTITY,
                "unfit_body",
                "The body does not fit",
                "Compare it with /api/openapi.json, which describes every body.",
            )
            .with("place", json!(place)),
            Error::UnfitQuery(_) => problem(
                S::BAD_REQUEST,
                "unfit_query",
                "The request does not fit",
                "Compare it with /api/openapi.json, which describes every parameter.",
            ),
            Error::BodyTooLarge => {
                problem(S::PAYLOAD_TOO_LARGE, "body_too_large", "Too many bytes", "Send less at once.")
            }
            Error::BodyBrokeOff => {
                problem(S::BAD_REQUEST, "body_broke_off", "The body broke off", "Send it again.")
            }
            Error::NotAWebSocket => problem(
                S::UPGRADE_REQUIRED,
                "not_a_websocket",
                "WebSocket only",
                "Connect with a WebSocket client.",
            ),
            Error::ForeignOrigin(_) => problem(
                S::FORBIDDEN,
                "foreign_origin",
                "From another site",
                "If you run this installation behind a proxy, set PUBLIC_URL to the address that people see.",
            ),
            Error::StrangeHost(_) => problem(
                S::MISDIRECTED_REQUEST,
                "strange_host",
                "Reached under a strange name",
                "Use the address that the start printed; to serve under a name, set PUBLIC_URL.",
            ),
            Error::Unavailable { .. } => problem(
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "Back in a moment",
                "Nothing is lost, and your terminal stays open. Try again in a few seconds.",
            ),
            Error::TimedOut => problem(
                S::SERVICE_UNAVAILABLE,
                "timed_out",
                "That took too long",
                "Try again in a few seconds.",
            ),
        }
    }
}

impl Problem {
    fn of_session(refusal: &SessionError, detail: &str) -> Self {
        use StatusCode as S;
        let problem = |status, code, title, mend| Self::new(status, code, title, detail, mend);
        match refusal {
            SessionError::Unknown => Self::from(&Error::NoSuchSession),
            SessionError::AlreadyRequested => {
                problem(S::CONFLICT, "already_requested", "It exists already", "")
            }
            SessionError::NotReady => {
                problem(S::CONFLICT, "not_ready", "Not ready yet", "Wait until the sandbox is ready.")
            }
            SessionError::Ended => problem(
                S::CONFLICT,
                "session_ended",
                "The session has ended",
                "Start the lab again; your files are kept and can be taken over.",
            ),
            SessionError::Busy { job } => {
                problem(S::CONFLICT, "busy", "Something is running", "Wait until it is done.")
                    .with("job", json!(job))
            }
            SessionError::TooManyJobs(_) => problem(
                S::CONFLICT,
                "too_many_jobs",
                "Too many builds and runs",
                "Use the terminal, or start a new session.",
            ),
            SessionError::NoMoreExtensions(_) => problem(
                S::CONFLICT,
                "no_more_extensions",
                "No more extensions",
                "Your files are kept: start the lab again when the time is up.",
            ),
            SessionError::TooManyTerminals(_) => problem(
                S::CONFLICT,
                "too_many_terminals",
                "Too many terminals",
                "Use the terminals that are open.",
            ),
            SessionError::InvalidTerminalName => problem(
                S::UNPROCESSABLE_ENTITY,
                "invalid_terminal_name",
                "Not a terminal's name",
                "The page's own terminal is called main.",
            ),
            SessionError::InvalidWork(_) => problem(
                S::UNPROCESSABLE_ENTITY,
                "invalid_work",
                "This cannot be run",
                "Mend it and send it again.",
            ),
            SessionError::Job(JobRefusal::Unknown) => Self::from(&Error::NoSuchJob),
            SessionError::Job(_) => problem(S::CONFLICT, "job_refused", "The job cannot take this", ""),
        }
    }

    fn of_workspace(refusal: &WorkspaceError, detail: &str) -> Self {
        use StatusCode as S;
        let problem = |status, code, title, mend| Self::new(status, code, title, detail, mend);
        match refusal {
            WorkspaceError::Unknown => Self::from(&Error::NoSuchSession),
            WorkspaceError::AlreadyOpen => problem(S::CONFLICT, "already_open", "It is open already", ""),
            WorkspaceError::NotFound(_) => problem(
                S::NOT_FOUND,
                "file_not_found",
                "No such file",
                "It may have been renamed or deleted; look at the list of files.",
            ),
            WorkspaceError::AlreadyThere(_) => {
                problem(S::CONFLICT, "already_there", "The name is taken", "Choose another name.")
            }
            WorkspaceError::IsAFolder(_) => {
                problem(S::CONFLICT, "is_a_folder", "It is a folder", "Choose another name.")
            }
            WorkspaceError::IsAFile(_) => {
                problem(S::CONFLICT, "is_a_file", "It is a file", "Choose another name.")
            }
            WorkspaceError::IntoItself => {
                problem(S::CONFLICT, "into_itself", "Into itself", "Choose another place.")
            }
            WorkspaceError::Path(_) => problem(
                S::UNPROCESSABLE_ENTITY,
                "invalid_path",
                "Not a path of the workspace",
                "Choose a shorter name.",
            ),
            WorkspaceError::ChangedMeanwhile { current, .. } => problem(
                S::CONFLICT,
                "changed_meanwhile",
                "The file has changed meanwhile",
                "Look at what is there now; then write over it or keep it. Your text is not lost.",
            )
            .with("current_hash", json!(current)),
            WorkspaceError::FileTooLarge { limit, .. } => problem(
                S::PAYLOAD_TOO_LARGE,
                "file_too_large",
                "The file is too large",
                "Keep it smaller, or fetch it during the build.",
            )
            .with("limit", json!(limit)),
            WorkspaceError::WorkspaceFull { limit } => problem(
                S::PAYLOAD_TOO_LARGE,
                "workspace_full",
                "The workspace is full",
                "Delete what you don't need, then save again.",
            )
            .with("limit", json!(limit)),
            WorkspaceError::TooManyFiles { limit } => problem(
                S::PAYLOAD_TOO_LARGE,
                "too_many_files",
                "Too many files",
                "Delete what you don't need, then try again.",
            )
            .with("limit", json!(limit)),
        }
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
        matches!(self, Self::Unavailable { .. } | Self::TimedOut)
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

#[cfg(test)]
mod tests {
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

    use containrlab_domain::ids::JobId;
}
