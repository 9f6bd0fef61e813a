//! What a session refuses.

use containrlab_domain::job::JobRefusal;
use containrlab_domain::session::SessionError;
use serde_json::json;

use super::Words;
use crate::Error;
use crate::problem::Problem;

impl Problem {
    pub(super) fn of_session(refusal: &SessionError, detail: &str) -> Self {
        let words = Words(detail);
        match refusal {
            SessionError::Unknown => Self::from(&Error::NoSuchSession),
            SessionError::AlreadyRequested => words.conflict("already_requested", "It exists already", ""),
            SessionError::NotReady => {
                words.conflict("not_ready", "Not ready yet", "Wait until the sandbox is ready.")
            }
            SessionError::Ended => words.conflict(
                "session_ended",
                "The session has ended",
                "Start the lab again; your files are kept and can be taken over.",
            ),
            SessionError::Busy { job } => words
                .conflict("busy", "Something is running", "Wait until it is done.")
                .with("job", json!(job)),
            SessionError::TooManyJobs(_) => words.conflict(
                "too_many_jobs",
                "Too many builds and runs",
                "Use the terminal, or start a new session.",
            ),
            SessionError::NoMoreExtensions(_) => words.conflict(
                "no_more_extensions",
                "No more extensions",
                "Your files are kept: start the lab again when the time is up.",
            ),
            SessionError::TooManyTerminals(_) => {
                words.conflict("too_many_terminals", "Too many terminals", "Use the terminals that are open.")
            }
            SessionError::InvalidTerminalName => words.unfit(
                "invalid_terminal_name",
                "Not a terminal's name",
                "The page's own terminal is called main.",
            ),
            SessionError::HintOutOfTurn { .. } => {
                words.conflict("hint_out_of_turn", "One hint after the other", "Ask for the next one.")
            }
            SessionError::TooManyHints(_) => {
                words.conflict("too_many_hints", "Too many hints", "Read those that were shown.")
            }
            SessionError::InvalidWork(_) => {
                words.unfit("invalid_work", "This cannot be run", "Mend it and send it again.")
            }
            SessionError::Job(JobRefusal::Unknown) => Self::from(&Error::NoSuchJob),
            SessionError::Job(_) => words.conflict("job_refused", "The job cannot take this", ""),
        }
    }
}
