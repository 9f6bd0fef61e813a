//! Jobs: the work that the ledger owes the queue.
//!
//! A job belongs to one aggregate (a session or an attempt). Requesting it is an event there; a worker that takes it
//! first records a start with a fresh lease, then acts, then records the outcome under that lease. [`JobCourse`] keeps
//! the rules that make this safe: whoever holds an older lease is refused, and a job that kills its workers is given
//! up after [`MAX_STARTS`].

mod course;

pub use course::{JobCourse, JobRefusal, JobState, MAX_STARTS, StartDecision};

use serde::{Deserialize, Serialize};

use crate::ids::{LeaseId, RunnerId};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Give a session its sandbox.
    Provision,
    /// Build an image in the session's sandbox.
    Build,
    /// Run a container in the session's sandbox.
    Run,
    /// Run a command in the session's sandbox.
    Exec,
    /// Judge an attempt in a fresh verifier sandbox.
    Judge,
    /// Keep what the learner wrote, then remove the sandbox.
    End,
}

impl JobKind {
    /// The word used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Build => "build",
            Self::Run => "run",
            Self::Exec => "exec",
            Self::Judge => "judge",
            Self::End => "end",
        }
    }

    /// The kind with this word, as [`JobKind::as_str`] writes it.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Provision, Self::Build, Self::Run, Self::Exec, Self::Judge, Self::End]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// A worker's claim on a job: recorded in the ledger before the worker acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Fresh for every start; the outcome must name it.
    pub lease: LeaseId,
    /// The runner that holds the job.
    pub runner: RunnerId,
}

/// How a build, run or exec came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum JobOutcome {
    /// The command ran to its end; 0 is success as everywhere.
    Exited {
        /// Exit code of the command.
        code: i32,
        /// Milliseconds that it took.
        milliseconds: u64,
    },
    /// The command was stopped at its time limit.
    TimedOut {
        /// The limit in seconds.
        seconds: u64,
    },
    /// The platform could not run it, or gave it up.
    Failed {
        /// Stable reason code, such as `worker_crashed` or `sandbox_unreachable`.
        reason: String,
        /// A sentence for the learner.
        detail: String,
    },
}

impl JobOutcome {
    /// The outcome of a job that has killed its workers [`MAX_STARTS`] times.
    pub fn worker_crashed() -> Self {
        Self::Failed {
            reason: "worker_crashed".to_owned(),
            detail: format!(
                "The job was started {MAX_STARTS} times and never came to an end; it was given up."
            ),
        }
    }

    /// Whether the command ran and ended with 0.
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Exited { code: 0, .. })
    }
}
