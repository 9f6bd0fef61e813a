//! What can be asked of a session.

use super::{EndReason, Origin, Trouble, Work};
use crate::ids::{JobId, LabRef, LearnerId, LeaseId, RecordingId, RequestId, SandboxId, SessionId};
use crate::job::{Claim, JobOutcome};

/// A command to the session aggregate.
#[derive(Debug, Clone)]
pub enum SessionCommand {
    /// A learner wants a session in a lab.
    Request {
        /// The id that it gets.
        session: SessionId,
        /// Whose it is.
        learner: LearnerId,
        /// In which lab.
        lab: LabRef,
        /// Where its files come from.
        origin: Origin,
        /// The id of the job that will provide its sandbox.
        provision_job: JobId,
        /// Seconds that it may live.
        ttl_seconds: u64,
    },
    /// A runner takes the provision job.
    StartProvisioning {
        /// Its claim.
        claim: Claim,
    },
    /// The runner gives the provision job back, because of a fault of its own.
    ReleaseProvisioning {
        /// The lease that it holds.
        lease: LeaseId,
        /// Stable reason code.
        reason: String,
    },
    /// The sandbox is up.
    MarkReady {
        /// The lease under which it was made.
        lease: LeaseId,
        /// The sandbox.
        sandbox: SandboxId,
        /// Whether a warm one was claimed.
        warm: bool,
    },
    /// The learner wants more time.
    Extend {
        /// In which request; asking again in the same one adds nothing.
        request: RequestId,
    },
    /// A terminal is about to be opened.
    OpenTerminal {
        /// Its name within the session.
        terminal: String,
        /// Where its output is to be kept; ignored when the terminal is open already.
        recording: RecordingId,
    },
    /// A terminal's shell ended.
    CloseTerminal {
        /// Its name within the session.
        terminal: String,
        /// The shell's exit code.
        exit_code: i32,
    },
    /// Something went wrong in the sandbox, which lives on. More of one kind than a session tells of is silently left out.
    ReportTrouble {
        /// What.
        trouble: Trouble,
    },
    /// The learner wants a build, a run or a command.
    RequestJob {
        /// The id that it gets.
        job: JobId,
        /// What it is to do.
        work: Work,
    },
    /// The session's runner takes a job.
    StartJob {
        /// The job.
        job: JobId,
        /// Its claim.
        claim: Claim,
        /// Where its output is to be kept.
        log: RecordingId,
    },
    /// A job is over.
    FinishJob {
        /// The job.
        job: JobId,
        /// The lease under which it ran.
        lease: LeaseId,
        /// How it came out.
        outcome: JobOutcome,
    },
    /// The learner wants the next hint.
    ShowHint {
        /// The check that it is about; none when it is about the whole lab.
        check: Option<String>,
        /// Which of the lab's hints about it, counted from 1, weakest first; the one after those that were shown.
        number: u32,
        /// How strong it is.
        strength: u8,
    },
    /// The session is to end, in order.
    RequestEnd {
        /// Why.
        reason: EndReason,
        /// The id of the job that will clean up.
        job: JobId,
    },
    /// The runner begins to clean up.
    StartEnding {
        /// Its claim.
        claim: Claim,
    },
    /// The sandbox is gone and all files are kept.
    FinishEnding {
        /// The lease under which it was cleaned up.
        lease: LeaseId,
    },
    /// The session is over without a clean-up, because nobody is left to do it.
    Abandon {
        /// Why.
        reason: EndReason,
    },
}
