//! The course of one job through its starts: who may start it, who may record its outcome.

use serde::{Deserialize, Serialize};

use super::Claim;
use crate::ids::LeaseId;

/// How often a job is started before it is given up: a job that kills its worker must not do so for ever.
pub const MAX_STARTS: u32 = 3;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    /// Owed to the queue; no worker holds it.
    Owed,
    /// Held by the worker with this lease.
    Held {
        /// The newest lease; older ones are void.
        lease: LeaseId,
    },
    /// Over, with or without success.
    Over,
}

/// One job's starts so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCourse {
    /// Where it stands.
    pub state: JobState,
    /// How often it was started.
    pub starts: u32,
}

/// What to do with a worker that wants to start a job.
#[derive(Debug, PartialEq, Eq)]
pub enum StartDecision {
    /// Record a start with this number, counted from 1.
    Start {
        /// Which start this is.
        number: u32,
    },
    /// Record that it is given up: it has been started often enough.
    GiveUp,
}

/// Why a worker's word about a job is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobRefusal {
    /// No such job was ever requested here.
    #[error("no such job was requested")]
    Unknown,
    /// It is over; what comes late leaves no trace.
    #[error("the job is over")]
    Over,
    /// Somebody else has started it since.
    #[error("the lease is stale: the job was started again since")]
    StaleLease,
}

impl JobCourse {
    /// A job that was just requested.
    pub fn requested() -> Self {
        Self { state: JobState::Owed, starts: 0 }
    }

    /// Decides on a worker that wants to start it. A held job may be started again: the ledger only hands it out
    /// once the lease before has run out, and the old holder's outcome is refused from then on.
    ///
    /// # Errors
    /// [`JobRefusal::Over`] when it has its outcome.
    pub fn decide_start(&self) -> Result<StartDecision, JobRefusal> {
        match self.state {
            JobState::Over => Err(JobRefusal::Over),
            _ if self.starts >= MAX_STARTS => Ok(StartDecision::GiveUp),
            _ => Ok(StartDecision::Start { number: self.starts + 1 }),
        }
    }

    /// Checks that the worker with this lease may still speak for the job.
    ///
    /// # Errors
    /// [`JobRefusal::StaleLease`] or [`JobRefusal::Over`].
    pub fn check(&self, lease: LeaseId) -> Result<(), JobRefusal> {
        match self.state {
            JobState::Held { lease: newest } if newest == lease => Ok(()),
            JobState::Over => Err(JobRefusal::Over),
            _ => Err(JobRefusal::StaleLease),
        }
    }

    /// Applies a recorded start.
    pub fn started(&mut self, claim: &Claim, number: u32) {
        self.state = JobState::Held { lease: claim.lease };
        self.starts = number;
    }

    /// Applies a recorded release: the worker gave it back, and it is owed again.
    pub fn released(&mut self) {
        self.state = JobState::Owed;
    }

    /// Applies a recorded outcome.
    pub fn finished(&mut self) {
        self.state = JobState::Over;
    }

    /// Whether it has no outcome yet.
    pub fn is_open(&self) -> bool {
        self.state != JobState::Over
    }
}
