//! Why a command to a session is refused; each variant is a sentence that a person may see.

use crate::ids::JobId;
use crate::job::JobRefusal;

/// A refused command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No such session.
    #[error("there is no such session")]
    Unknown,
    /// The id is taken.
    #[error("this session exists already")]
    AlreadyRequested,
    /// The sandbox is not up yet.
    #[error("the session's sandbox is not ready yet")]
    NotReady,
    /// Over, or about to be.
    #[error("the session has ended")]
    Ended,
    /// One build, run or command at a time.
    #[error("another build, run or command of this session is under way")]
    Busy {
        /// The one under way.
        job: JobId,
    },
    /// So many jobs were requested that the stream would grow without end.
    #[error(
        "this session has had its {0} builds, runs and commands; use the terminal, or start a new session"
    )]
    TooManyJobs(usize),
    /// Extended as often as allowed.
    #[error("a session can be extended {0} times at most")]
    NoMoreExtensions(u32),
    /// So many terminals were opened that the stream would grow without end.
    #[error("a session can open {0} terminals at most")]
    TooManyTerminals(usize),
    /// A terminal's name is not one.
    #[error("a terminal's name is 1 to 32 lower-case letters, digits and hyphens")]
    InvalidTerminalName,
    /// What is asked for could only fail.
    #[error("{0}")]
    InvalidWork(String),
    /// A hint out of turn: hints are shown one after the other.
    #[error("hint {number} comes after {shown} that were shown")]
    HintOutOfTurn {
        /// Which was asked for.
        number: u32,
        /// How many were shown.
        shown: u32,
    },
    /// So many hints were shown that the stream would grow without end.
    #[error("a session can show {0} hints at most")]
    TooManyHints(usize),
    /// A worker's word about a job is refused.
    #[error(transparent)]
    Job(#[from] JobRefusal),
}
