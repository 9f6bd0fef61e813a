//! The timeline: all that happened in a session, in order.

use askama::Template;
use jiff::Timestamp;

use crate::words;

/// A session's timeline. SSE event `timeline`; replaces the whole list. Send the newest 50 or so.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/timeline.html")]
pub struct TimelinePartial {
    /// Newest first.
    pub rows: Vec<TimelineRow>,
}

/// One thing that happened.
#[derive(Clone, Debug, Default)]
pub struct TimelineRow {
    /// When.
    pub at: Timestamp,
    /// What kind of thing, for its mark.
    pub kind: TimelineKind,
    /// One sentence: "Build finished in 12 s."
    pub text: String,
    /// Who did it: "you", "terminal", "system"; empty hides it.
    pub actor: String,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimelineKind {
    /// The session's own life.
    #[default]
    Session,
    /// A file changed.
    File,
    /// A build, run or command.
    Job,
    /// A submission or its judging.
    Attempt,
    /// An attempt passed.
    Success,
    /// A hint or the solution was shown.
    Hint,
    /// Something went wrong.
    Failure,
}

impl TimelineKind {
    fn class(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::File => "file",
            Self::Job => "job",
            Self::Attempt => "attempt",
            Self::Success => "passed",
            Self::Hint => "hint",
            Self::Failure => "failed",
        }
    }
}
