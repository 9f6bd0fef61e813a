//! The words for each error: status, code, title, what to do.

mod session;
mod workspace;

use axum::http::StatusCode;
use containrlab_domain::attempt::AttemptError;
use serde_json::json;

use super::Problem;
use crate::Error;

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let words = Words(&detail);
        match error {
            Error::LocalSignInWithPublicUrl | Error::PublicUrl(_) | Error::PreviewDomain(_) | Error::Labs(_) | Error::Serve(_) => {
                Self::internal()
            }
            Error::Internal(_) => Self::internal(),
            Error::NotSignedIn => words.say(S::UNAUTHORIZED, "not_signed_in",
                "Not signed in",
                "Sign in, then do this again. Nothing is lost.",
            ),
            Error::LocalSignInOff => words.forbidden("local_sign_in_off",
                "Local sign-in is off",
                "Whoever runs this installation can turn it on with LOCAL_SIGN_IN=true where no PUBLIC_URL is set.",
            ),
            Error::Name(_) => words.unfit("invalid_name",
                "This name cannot be taken",
                "Choose another name.",
            ),
            Error::NoSuchPage => words.missing("not_found", "Nothing here", "Go on from the labs."),
            Error::MethodNotAllowed => {
                words.say(S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", "")
            }
            Error::NoSuchLab(_) => words.missing("no_such_lab",
                "No such lab",
                "Look at the list of labs for those that there are.",
            ),
            Error::NoSuchSession => words.missing("no_such_session",
                "No such session",
                "Look whether you are signed in as the one whose session it is, or start the lab.",
            ),
            Error::NoSuchJob => words.missing("no_such_job", "No such job", ""),
            Error::NoSuchAttempt => words.missing("no_such_attempt",
                "No such attempt",
                "Look at your list of attempts for those that there are.",
            )
            .link("/attempts".to_owned(), "To your attempts"),
            Error::NoActiveSession(slug) => words.missing("no_active_session",
                "No active session",
                "Start the lab; what you wrote before can be taken over.",
            )
            .link(format!("/labs/{slug}"), "To the lab"),
            Error::SessionActive { session } => words.conflict("session_active",
                "A session is active",
                "Go on in the active session, or end it first.",
            )
            .with("session", json!(session))
            .with("location", json!(format!("/api/sessions/{session}")))
            .link(format!("/sessions/{session}"), "To the active session"),
            Error::Judging { attempt } => words.conflict("judging",
                "An attempt is being judged",
                "Wait for its verdict, then submit again.",
            )
            .with("attempt", json!(attempt)),
            Error::Session(refusal) => Self::of_session(refusal, &detail),
            Error::Workspace(refusal) => Self::of_workspace(refusal, &detail),
            Error::Attempt(AttemptError::SolutionNotYet) => words.forbidden("solution_not_yet",
                "Not yet",
                "Ask for hints meanwhile; after a pass, the lab’s page and the verdict offer the solution.",
            ),
            Error::Attempt(_) => words.conflict("attempt_refused", "The attempt cannot take this", ""),
            Error::Path(_) => words.unfit("invalid_path",
                "Not a path of the workspace",
                "Give a path like src/app.py, from the workspace on.",
            ),
            Error::BinaryFile { .. } => words.unsupported("binary_file",
                "A binary file",
                "Look at it in the terminal.",
            ),
            Error::Conflict => words.conflict("conflict",
                "Changed at the same moment",
                "Look at how things stand now, and try again.",
            ),
            Error::KeyReused => words.unfit("idempotency_key_reused",
                "Idempotency key used before",
                "Send a fresh key with every new request; the same key only to repeat one.",
            ),
            Error::NotJson => words.unsupported("not_json",
                "Not JSON",
                "Send JSON with content-type: application/json.",
            ),
            Error::MalformedBody(_) => words.malformed("malformed_body",
                "Not valid JSON",
                "Mend the body and send it again.",
            ),
            Error::UnfitBody { place, .. } => words.unfit("unfit_body",
                "The body does not fit",
                "Compare it with /api/openapi.json, which describes every body.",
            )
            .with("place", json!(place)),
            Error::UnfitQuery(_) => words.malformed("unfit_query",
                "The request does not fit",
                "Compare it with /api/openapi.json, which describes every parameter.",
            ),
            Error::BodyTooLarge => {
                words.too_large("body_too_large", "Too many bytes", "Send less at once.")
            }
            Error::BodyBrokeOff => {
                words.malformed("body_broke_off", "The body broke off", "Send it again.")
            }
            Error::NotAWebSocket => words.say(S::UPGRADE_REQUIRED, "not_a_websocket",
                "WebSocket only",
                "Connect with a WebSocket client.",
            ),
            Error::ForeignOrigin(_) => words.forbidden("foreign_origin",
                "From another site",
                "If you run this installation behind a proxy, set PUBLIC_URL to the address that people see.",
            ),
            Error::StrangeHost(_) => words.say(S::MISDIRECTED_REQUEST, "strange_host",
                "Reached under a strange name",
                "Use the address that the start printed; to serve under a name, set PUBLIC_URL.",
            ),
            Error::NoSuchHint => words.missing("no_such_hint",
                "No further hint",
                "Read those that were shown once more, and the step of the text that belongs to it.",
            ),
            Error::PreviewClosed => words.forbidden("preview_closed",
                "Not open to you",
                "Open it from the page of your session; the way there lasts for a sign-in.",
            ),
            Error::PreviewsOff => words.missing("previews_off",
                "No previews here",
                "Whoever runs this installation can turn them on with PREVIEW_DOMAIN; curl in the terminal works meanwhile.",
            ),
            Error::NothingListens { port } => words.no_service("nothing_listens",
                "Nothing listens there",
                "Start a container that publishes the port (docker run -p), see that it listens on 0.0.0.0 inside, and load \
                 this again.",
            )
            .with("port", json!(port)),
            Error::PreviewUnreadable { port } => words.no_service("not_http",
                "No answer in HTTP",
                "Look at the container's log (docker logs): it may be starting, have failed, or speak another protocol.",
            )
            .with("port", json!(port)),
            Error::SandboxOutOfReach => words.unavailable("sandbox_out_of_reach",
                "Your sandbox cannot be reached",
                "Your files are kept. Try again in a few seconds.",
            ),
            Error::Unavailable { .. } => words.unavailable("unavailable",
                "Back in a moment",
                "Nothing is lost, and your terminal stays open. Try again in a few seconds.",
            ),
            Error::TimedOut => words.unavailable("timed_out",
                "That took too long",
                "Try again in a few seconds.",
            ),
        }
    }
}

/// Makes problems of one error, whose own sentence is the detail. Each word says the status; then come the code for programs,
/// the title, and what mends it.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn say(
        &self,
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        mend: &'static str,
    ) -> Problem {
        Problem::new(status, code, title, self.0, mend)
    }

    fn forbidden(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::FORBIDDEN, code, title, mend)
    }

    fn unfit(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::UNPROCESSABLE_ENTITY, code, title, mend)
    }

    fn missing(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::NOT_FOUND, code, title, mend)
    }

    fn conflict(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::CONFLICT, code, title, mend)
    }

    fn malformed(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::BAD_REQUEST, code, title, mend)
    }

    fn too_large(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::PAYLOAD_TOO_LARGE, code, title, mend)
    }

    fn no_service(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::BAD_GATEWAY, code, title, mend)
    }

    fn unavailable(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::SERVICE_UNAVAILABLE, code, title, mend)
    }

    fn unsupported(&self, code: &'static str, title: &'static str, mend: &'static str) -> Problem {
        self.say(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, title, mend)
    }
}
