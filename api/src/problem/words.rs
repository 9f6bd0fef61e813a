//! The words for each error: status, code, title, what to do.

use axum::http::StatusCode;
use containrlab_domain::attempt::AttemptError;
use containrlab_domain::job::JobRefusal;
use containrlab_domain::session::SessionError;
use containrlab_domain::workspace::WorkspaceError;
use serde_json::json;

use super::Problem;
use crate::Error;

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let problem = |status, code, title, mend| Self::new(status, code, title, &detail, mend);
        match error {
            Error::LocalSignInWithPublicUrl | Error::PublicUrl(_) | Error::PreviewDomain(_) | Error::Labs(_) | Error::Serve(_) => {
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
            Error::Attempt(AttemptError::SolutionNotYet) => problem(
                S::FORBIDDEN,
                "solution_not_yet",
                "Not yet",
                "Ask for hints meanwhile; after a pass, the lab’s page and the verdict offer the solution.",
            ),
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
            Error::NoSuchHint => problem(
                S::NOT_FOUND,
                "no_such_hint",
                "No further hint",
                "Read those that were shown once more, and the step of the text that belongs to it.",
            ),
            Error::PreviewClosed => problem(
                S::FORBIDDEN,
                "preview_closed",
                "Not open to you",
                "Open it from the page of your session; the way there lasts for a sign-in.",
            ),
            Error::PreviewsOff => problem(
                S::NOT_FOUND,
                "previews_off",
                "No previews here",
                "Whoever runs this installation can turn them on with PREVIEW_DOMAIN; curl in the terminal works meanwhile.",
            ),
            Error::NothingListens { port } => problem(
                S::BAD_GATEWAY,
                "nothing_listens",
                "Nothing listens there",
                "Start a container that publishes the port (docker run -p), see that it listens on 0.0.0.0 inside, and load \
                 this again.",
            )
            .with("port", json!(port)),
            Error::PreviewUnreadable { port } => problem(
                S::BAD_GATEWAY,
                "not_http",
                "No answer in HTTP",
                "Look at the container's log (docker logs): it may be starting, have failed, or speak another protocol.",
            )
            .with("port", json!(port)),
            Error::SandboxOutOfReach => problem(
                S::SERVICE_UNAVAILABLE,
                "sandbox_out_of_reach",
                "Your sandbox cannot be reached",
                "Your files are kept. Try again in a few seconds.",
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
            SessionError::HintOutOfTurn { .. } => {
                problem(S::CONFLICT, "hint_out_of_turn", "One hint after the other", "Ask for the next one.")
            }
            SessionError::TooManyHints(_) => {
                problem(S::CONFLICT, "too_many_hints", "Too many hints", "Read those that were shown.")
            }
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
