//! What has happened in a session. Once written, an event can be read for ever: change a variant's meaning only by a
//! new version and an upcaster in the store.

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{EndReason, Origin, Trouble, Work};
use crate::ids::{JobId, LabRef, LearnerId, LeaseId, RecordingId, RequestId, SandboxId, SessionId};
use crate::job::{Claim, JobOutcome};

/// An event of the session stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionEvent {
    /// A learner asked for a session; a sandbox is owed to it.
    Requested {
        /// The session.
        session: SessionId,
        /// Whose it is.
        learner: LearnerId,
        /// In which lab.
        lab: LabRef,
        /// Where its files come from.
        origin: Origin,
        /// The job that provides its sandbox.
        provision_job: JobId,
        /// Seconds that it lives from the moment its sandbox is ready.
        ttl_seconds: u64,
    },
    /// A runner took the provision job.
    ProvisioningStarted {
        /// Who holds it.
        claim: Claim,
        /// Which start this is, counted from 1.
        start_number: u32,
    },
    /// The runner could not provide a sandbox and gave the job back.
    ProvisioningReleased {
        /// The lease that it held.
        lease: LeaseId,
        /// Stable reason code.
        reason: String,
    },
    /// The sandbox is up and holds the starter files; the session's time runs from here.
    SandboxReady {
        /// The lease under which it was made.
        lease: LeaseId,
        /// The sandbox.
        sandbox: SandboxId,
        /// Whether a warm one was claimed.
        warm: bool,
        /// Seconds until the session expires.
        ttl_seconds: u64,
    },
    /// The learner asked for more time.
    Extended {
        /// Seconds added.
        by_seconds: u64,
        /// In which request, so that a repeated one adds nothing. Since 1.1; before, it stood beside the event only.
        request: RequestId,
    },
    /// A terminal was opened for the first time.
    TerminalOpened {
        /// Its name within the session, such as `main`.
        terminal: String,
        /// Where its output is kept.
        recording: RecordingId,
    },
    /// A terminal's shell ended.
    TerminalClosed {
        /// Its name within the session.
        terminal: String,
        /// The shell's exit code.
        exit_code: i32,
    },
    /// Something went wrong in the sandbox, which lives on.
    SandboxTroubled {
        /// What.
        trouble: Trouble,
    },
    /// The learner asked for a build, a run or a command.
    JobRequested {
        /// The job.
        job: JobId,
        /// What it does.
        work: Work,
    },
    /// The session's runner took the job.
    JobStarted {
        /// The job.
        job: JobId,
        /// Who holds it.
        claim: Claim,
        /// Which start this is, counted from 1.
        start_number: u32,
        /// Where its output is kept.
        log: RecordingId,
    },
    /// The job is over.
    JobFinished {
        /// The job.
        job: JobId,
        /// How it came out.
        outcome: JobOutcome,
    },
    /// A hint was shown to the learner.
    HintShown {
        /// The check that it is about; none when it is about the whole lab.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<String>,
        /// Which of the lab's hints about it, counted from 1, weakest first.
        number: u32,
        /// How strong it is: 1 nudges, 2 explains, 3 shows.
        strength: u8,
    },
    /// The session is to end; its runner owes the clean-up.
    EndRequested {
        /// Why.
        reason: EndReason,
        /// The job that keeps the files and removes the sandbox.
        job: JobId,
    },
    /// The runner began to clean up.
    EndingStarted {
        /// Who holds it.
        claim: Claim,
        /// Which start this is, counted from 1.
        start_number: u32,
    },
    /// The session is over. Its workspace stays in the ledger.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

impl DomainEvent for SessionEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Requested { .. } => "SessionRequested",
            Self::ProvisioningStarted { .. } => "ProvisioningStarted",
            Self::ProvisioningReleased { .. } => "ProvisioningReleased",
            Self::SandboxReady { .. } => "SandboxReady",
            Self::Extended { .. } => "SessionExtended",
            Self::TerminalOpened { .. } => "TerminalOpened",
            Self::TerminalClosed { .. } => "TerminalClosed",
            Self::SandboxTroubled { .. } => "SandboxTroubled",
            Self::JobRequested { .. } => "JobRequested",
            Self::JobStarted { .. } => "JobStarted",
            Self::JobFinished { .. } => "JobFinished",
            Self::HintShown { .. } => "HintShown",
            Self::EndRequested { .. } => "SessionEndRequested",
            Self::EndingStarted { .. } => "SessionEndingStarted",
            Self::Ended { .. } => "SessionEnded",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        match self {
            Self::Extended { .. } => "1.1",
            _ => "1.0",
        }
        .to_owned()
    }
}
