//! The session: one learner's time in one lab, from the request for a sandbox to its end.
//!
//! ```text
//! Requested ─► ProvisioningStarted ─► SandboxReady ─► (jobs, terminals, extensions) ─► EndRequested ─► Ended
//!     │               │  ▲ Released                                                        ▲
//!     └───────────────┴──┴──────────────────── End, given up, runner lost ─────────────────┘
//! ```

mod command;
mod error;
mod event;
mod reason;
#[cfg(test)]
mod tests;
mod trouble;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use command::SessionCommand;
pub use error::SessionError;
pub use event::SessionEvent;
pub use reason::EndReason;
pub use trouble::{MAX_TROUBLES_OF_A_KIND, Trouble};
pub use work::Work;

use crate::ids::{JobId, LearnerId, RequestId, RunnerId, SessionId};
use crate::job::{JobCourse, JobOutcome, JobRefusal, StartDecision};

/// Builds, runs and commands that one session may ask for, so that its stream stays short.
pub const MAX_JOBS: usize = 500;

/// Terminals that one session may open over its life.
pub const MAX_TERMINALS: usize = 64;

/// Hints that one session may show; no lab has as many.
pub const MAX_HINTS: usize = 100;

/// How often a session can be extended.
pub const MAX_EXTENSIONS: u32 = 3;

/// Where the files of a session come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// The lab's starter files.
    Starter,
    /// The workspace of an earlier session in the same lab, as it was last seen.
    Continued {
        /// That session.
        session: SessionId,
    },
}

/// Where a session stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No event yet.
    #[default]
    Unborn,
    /// Waits for a sandbox, or one is being made.
    Starting,
    /// Usable.
    Ready,
    /// About to end.
    Ending,
    /// Over.
    Ended,
}

/// One learner's time in one lab.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    phase: Phase,
    learner: Option<LearnerId>,
    ttl_seconds: u64,
    extensions: u32,
    extended_in: BTreeSet<RequestId>,
    provisioning: Option<JobCourse>,
    runner: Option<RunnerId>,
    jobs: BTreeMap<JobId, JobCourse>,
    terminals: BTreeSet<String>,
    terminals_opened: usize,
    troubles: BTreeMap<Trouble, u32>,
    hints: BTreeMap<Option<String>, u32>,
    ending: Option<(EndReason, JobCourse)>,
}

impl Session {
    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whose it is; `None` before its first event.
    pub fn learner(&self) -> Option<LearnerId> {
        self.learner
    }

    /// The runner that holds, or makes, its sandbox.
    pub fn runner(&self) -> Option<RunnerId> {
        self.runner
    }

    fn decide(&self, command: SessionCommand) -> Result<Vec<SessionEvent>, SessionError> {
        if let SessionCommand::Request { session, learner, lab, origin, provision_job, ttl_seconds } = command
        {
            return match self.phase {
                Phase::Unborn => Ok(vec![SessionEvent::Requested {
                    session,
                    learner,
                    lab,
                    origin,
                    provision_job,
                    ttl_seconds,
                }]),
                _ => Err(SessionError::AlreadyRequested),
            };
        }
        match self.phase {
            Phase::Unborn => return Err(SessionError::Unknown),
            Phase::Ended => return Err(SessionError::Ended),
            _ => {}
        }
        match command {
            SessionCommand::Request { .. } => Err(SessionError::AlreadyRequested),
            SessionCommand::StartProvisioning { claim } => match self.provisioning()?.decide_start()? {
                StartDecision::Start { number } => {
                    Ok(vec![SessionEvent::ProvisioningStarted { claim, start_number: number }])
                }
                StartDecision::GiveUp => {
                    Ok(self.ended(EndReason::StartFailed { cause: "worker_crashed".to_owned() }))
                }
            },
            SessionCommand::ReleaseProvisioning { lease, reason } => {
                self.provisioning()?.check(lease)?;
                Ok(vec![SessionEvent::ProvisioningReleased { lease, reason }])
            }
            SessionCommand::MarkReady { lease, sandbox, warm } => {
                self.provisioning()?.check(lease)?;
                Ok(vec![SessionEvent::SandboxReady { lease, sandbox, warm, ttl_seconds: self.ttl_seconds }])
            }
            SessionCommand::Extend { request } => {
                self.must_be_ready()?;
                // The same request once more, because its answer was lost.
                if self.extended_in.contains(&request) {
                    return Ok(Vec::new());
                }
                if self.extensions >= MAX_EXTENSIONS {
                    return Err(SessionError::NoMoreExtensions(MAX_EXTENSIONS));
                }
                Ok(vec![SessionEvent::Extended { by_seconds: self.ttl_seconds, request }])
            }
            SessionCommand::OpenTerminal { terminal, recording } => self.open_terminal(terminal, recording),
            SessionCommand::CloseTerminal { terminal, exit_code } => {
                if !self.terminals.contains(&terminal) {
                    return Ok(Vec::new());
                }
                Ok(vec![SessionEvent::TerminalClosed { terminal, exit_code }])
            }
            SessionCommand::ReportTrouble { trouble } => {
                self.must_be_ready()?;
                if self.troubles.get(&trouble).is_some_and(|told| *told >= MAX_TROUBLES_OF_A_KIND) {
                    return Ok(Vec::new());
                }
                Ok(vec![SessionEvent::SandboxTroubled { trouble }])
            }
            SessionCommand::RequestJob { job, work } => {
                self.must_be_ready()?;
                work.validate()?;
                // The same request once more, because its answer was lost.
                if self.jobs.contains_key(&job) {
                    return Ok(Vec::new());
                }
                if self.jobs.len() >= MAX_JOBS {
                    return Err(SessionError::TooManyJobs(MAX_JOBS));
                }
                if let Some((job, _)) = self.jobs.iter().find(|(_, course)| course.is_open()) {
                    return Err(SessionError::Busy { job: *job });
                }
                Ok(vec![SessionEvent::JobRequested { job, work }])
            }
            SessionCommand::StartJob { job, claim, log } => match self.job(job)?.decide_start()? {
                StartDecision::Start { number } => {
                    Ok(vec![SessionEvent::JobStarted { job, claim, start_number: number, log }])
                }
                StartDecision::GiveUp => {
                    Ok(vec![SessionEvent::JobFinished { job, outcome: JobOutcome::worker_crashed() }])
                }
            },
            SessionCommand::FinishJob { job, lease, outcome } => {
                self.job(job)?.check(lease)?;
                Ok(vec![SessionEvent::JobFinished { job, outcome }])
            }
            SessionCommand::ShowHint { check, number, strength } => self.show_hint(check, number, strength),
            SessionCommand::RequestEnd { reason, job } => match (self.phase, self.runner) {
                // Asking twice is asking once.
                (Phase::Ending, _) => Ok(Vec::new()),
                (_, Some(_)) => Ok(vec![SessionEvent::EndRequested { reason, job }]),
                // Nobody has made anything yet that could need cleaning up.
                (_, None) => Ok(self.ended(reason)),
            },
            SessionCommand::StartEnding { claim } => {
                let (reason, course) = self.ending.as_ref().ok_or(JobRefusal::Unknown)?;
                match course.decide_start()? {
                    StartDecision::Start { number } => {
                        Ok(vec![SessionEvent::EndingStarted { claim, start_number: number }])
                    }
                    // The reaper removes what the clean-up could not; the learner is not kept waiting for it.
                    StartDecision::GiveUp => Ok(self.ended(reason.clone())),
                }
            }
            SessionCommand::FinishEnding { lease } => {
                let (reason, course) = self.ending.as_ref().ok_or(JobRefusal::Unknown)?;
                course.check(lease)?;
                Ok(self.ended(reason.clone()))
            }
            SessionCommand::Abandon { reason } => {
                let reason = self.ending.as_ref().map_or(reason, |(asked, _)| asked.clone());
                Ok(self.ended(reason))
            }
        }
    }

    /// The events of the end: each job that is still open gets its one outcome first.
    fn ended(&self, reason: EndReason) -> Vec<SessionEvent> {
        let open_jobs = self.jobs.iter().filter(|(_, course)| course.is_open());
        open_jobs
            .map(|(job, _)| SessionEvent::JobFinished {
                job: *job,
                outcome: JobOutcome::Failed {
                    reason: "session_ended".to_owned(),
                    detail: "The session ended before this was done.".to_owned(),
                },
            })
            .chain([SessionEvent::Ended { reason }])
            .collect()
    }

    fn open_terminal(
        &self,
        terminal: String,
        recording: crate::ids::RecordingId,
    ) -> Result<Vec<SessionEvent>, SessionError> {
        self.must_be_ready()?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=32).contains(&terminal.len()) || !terminal.chars().all(allowed) {
            return Err(SessionError::InvalidTerminalName);
        }
        if self.terminals.contains(&terminal) {
            return Ok(Vec::new());
        }
        if self.terminals_opened >= MAX_TERMINALS {
            return Err(SessionError::TooManyTerminals(MAX_TERMINALS));
        }
        Ok(vec![SessionEvent::TerminalOpened { terminal, recording }])
    }

    /// A hint needs no sandbox: whoever waits for one may read.
    fn show_hint(
        &self,
        check: Option<String>,
        number: u32,
        strength: u8,
    ) -> Result<Vec<SessionEvent>, SessionError> {
        if self.phase == Phase::Ending {
            return Err(SessionError::Ended);
        }
        let shown = self.hints.get(&check).copied().unwrap_or(0);
        // Asked for twice, or by two pages at once.
        if (1..=shown).contains(&number) {
            return Ok(Vec::new());
        }
        if number != shown + 1 {
            return Err(SessionError::HintOutOfTurn { number, shown });
        }
        if self.hints.values().map(|shown| *shown as usize).sum::<usize>() >= MAX_HINTS {
            return Err(SessionError::TooManyHints(MAX_HINTS));
        }
        Ok(vec![SessionEvent::HintShown { check, number, strength }])
    }

    fn must_be_ready(&self) -> Result<(), SessionError> {
        match self.phase {
            Phase::Ready => Ok(()),
            Phase::Unborn | Phase::Starting => Err(SessionError::NotReady),
            Phase::Ending | Phase::Ended => Err(SessionError::Ended),
        }
    }

    fn provisioning(&self) -> Result<&JobCourse, SessionError> {
        match self.phase {
            // What a late runner has made for a session that is ending, it must remove again.
            Phase::Ending => Err(SessionError::Ended),
            _ => self.provisioning.as_ref().ok_or(SessionError::Unknown),
        }
    }

    fn job(&self, job: JobId) -> Result<&JobCourse, SessionError> {
        self.jobs.get(&job).ok_or(SessionError::Job(JobRefusal::Unknown))
    }

    fn with_job(&mut self, job: JobId, change: impl FnOnce(&mut JobCourse)) {
        if let Some(course) = self.jobs.get_mut(&job) {
            change(course);
        }
    }
}

impl Aggregate for Session {
    const TYPE: &'static str = "session";
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Error = SessionError;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        match event {
            SessionEvent::Requested { learner, ttl_seconds, .. } => {
                self.phase = Phase::Starting;
                self.learner = Some(learner);
                self.ttl_seconds = ttl_seconds;
                self.provisioning = Some(JobCourse::requested());
            }
            SessionEvent::ProvisioningStarted { claim, start_number } => {
                self.runner = Some(claim.runner);
                if let Some(course) = &mut self.provisioning {
                    course.started(&claim, start_number);
                }
            }
            SessionEvent::ProvisioningReleased { .. } => {
                self.runner = None;
                if let Some(course) = &mut self.provisioning {
                    course.released();
                }
            }
            SessionEvent::SandboxReady { .. } => {
                self.phase = Phase::Ready;
                if let Some(course) = &mut self.provisioning {
                    course.finished();
                }
            }
            SessionEvent::Extended { request, .. } => {
                self.extensions += 1;
                self.extended_in.insert(request);
            }
            SessionEvent::TerminalOpened { terminal, .. } => {
                self.terminals_opened += 1;
                self.terminals.insert(terminal);
            }
            SessionEvent::TerminalClosed { terminal, .. } => {
                self.terminals.remove(&terminal);
            }
            SessionEvent::SandboxTroubled { trouble } => *self.troubles.entry(trouble).or_default() += 1,
            SessionEvent::JobRequested { job, .. } => {
                self.jobs.insert(job, JobCourse::requested());
            }
            SessionEvent::JobStarted { job, claim, start_number, .. } => {
                self.with_job(job, |course| course.started(&claim, start_number));
            }
            SessionEvent::JobFinished { job, .. } => self.with_job(job, JobCourse::finished),
            SessionEvent::HintShown { check, number, .. } => {
                self.hints.insert(check, number);
            }
            SessionEvent::EndRequested { reason, .. } => {
                self.phase = Phase::Ending;
                self.ending = Some((reason, JobCourse::requested()));
            }
            SessionEvent::EndingStarted { claim, start_number } => {
                if let Some((_, course)) = &mut self.ending {
                    course.started(&claim, start_number);
                }
            }
            SessionEvent::Ended { .. } => self.phase = Phase::Ended,
        }
    }
}
