//! The attempt: one submission, from the moment it was handed in to its verdict, and to further verdicts when it is judged again.

mod basis;
mod comparison;
#[cfg(test)]
mod tests;

pub use basis::{Basis, Difference, JudgeKit};
pub use comparison::{Comparison, FindingName};

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::ids::{
    AttemptId, JobId, LabRef, LabVersion, LearnerId, LeaseId, RecordingId, SessionId, TreeHash,
};
use crate::job::{Claim, JobCourse, JobRefusal, StartDecision};
use crate::judge::SessionFacts;
use crate::verdict::Verdict;

/// A command to the attempt aggregate.
#[derive(Debug, Clone)]
pub enum AttemptCommand {
    /// A learner hands in their workspace.
    Submit {
        /// The id that it gets.
        attempt: AttemptId,
        /// From which session.
        session: SessionId,
        /// Whose it is.
        learner: LearnerId,
        /// For which lab, in which version.
        lab: LabRef,
        /// The files as they were; the tree's list of files must be in the blob table before.
        tree: TreeHash,
        /// The id of the job that will judge it.
        judge_job: JobId,
        /// Whether somebody has to look at the session's own engine first.
        looks_at_session: bool,
    },
    /// The session's runner has looked at the session's own engine.
    RecordSession {
        /// The lease under which it looked.
        lease: LeaseId,
        /// What was there; none when the sandbox is gone.
        facts: Option<SessionFacts>,
    },
    /// An operator wants it judged again. The verdicts so far stay, beside the new one.
    Rejudge {
        /// The id of the job that will judge it.
        job: JobId,
        /// The version of the lab to judge it by.
        lab: LabVersion,
        /// How many verdicts it has, as far as whoever asks knows: of two who ask at once, one is heard.
        after: u32,
    },
    /// A runner takes it to judge.
    StartJudging {
        /// The job that it works off.
        job: JobId,
        /// Its claim.
        claim: Claim,
        /// Where the output of the judge's steps is to be kept.
        log: RecordingId,
    },
    /// The runner could not judge it because of a fault of the platform, and gives it back.
    ReleaseJudging {
        /// The lease that it holds.
        lease: LeaseId,
        /// Stable reason code.
        reason: String,
    },
    /// The verdict.
    Judge {
        /// The lease under which it was judged.
        lease: LeaseId,
        /// What the judge says.
        verdict: Verdict,
        /// What that rests on; `None` when the platform failed before anything was judged.
        basis: Option<Basis>,
    },
    /// The learner wants to see the lab's solution beside what they handed in.
    ShowSolution {
        /// Whether somebody who may has given leave, though the attempt has not passed.
        leave: bool,
    },
}

/// An event of the attempt stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttemptEvent {
    /// Handed in; a verdict is owed.
    Submitted {
        /// The attempt.
        attempt: AttemptId,
        /// From which session.
        session: SessionId,
        /// Whose it is.
        learner: LearnerId,
        /// For which lab, in which version.
        lab: LabRef,
        /// The files as they were.
        tree: TreeHash,
        /// The job that judges it.
        judge_job: JobId,
        /// Whether somebody has to look at the session's own engine first.
        looks_at_session: bool,
    },
    /// The session's own engine was looked at; a judge may go on from here, also when it is judged again.
    SessionSeen {
        /// The lease under which somebody looked.
        lease: LeaseId,
        /// What was there; none when the sandbox is gone.
        facts: Option<SessionFacts>,
    },
    /// A runner took it.
    JudgingStarted {
        /// Who holds it.
        claim: Claim,
        /// Which start this is, counted from 1.
        start_number: u32,
        /// Where the output of the judge's steps is kept.
        log: RecordingId,
    },
    /// The runner gave it back.
    JudgingReleased {
        /// The lease that it held.
        lease: LeaseId,
        /// Stable reason code.
        reason: String,
    },
    /// Judged.
    Judged {
        /// What the judge says.
        verdict: Verdict,
        /// What that rests on; `None` when the platform failed before anything was judged, and in events from before 1.1.
        basis: Option<Basis>,
    },
    /// An operator wants it judged again; a further verdict is owed.
    RejudgeRequested {
        /// The job that judges it.
        job: JobId,
        /// The version of the lab to judge it by.
        lab: LabVersion,
    },
    /// A runner took it to judge it again.
    RejudgingStarted {
        /// The job that it works off.
        job: JobId,
        /// Who holds it.
        claim: Claim,
        /// Which start of this job it is, counted from 1.
        start_number: u32,
        /// Where the output of the judge's steps is kept.
        log: RecordingId,
    },
    /// The runner gave it back.
    RejudgingReleased {
        /// The job that it worked on.
        job: JobId,
        /// The lease that it held.
        lease: LeaseId,
        /// Stable reason code.
        reason: String,
    },
    /// Judged again.
    Rejudged {
        /// The job that did it.
        job: JobId,
        /// What the judge says now.
        verdict: Verdict,
        /// What that rests on; `None` when the platform failed before anything was judged.
        basis: Option<Basis>,
    },
    /// The lab's solution was shown to the learner; from now on they may look at it.
    SolutionShown {
        /// Whether it was by somebody's leave, and not because the attempt has passed.
        leave: bool,
    },
}

impl DomainEvent for AttemptEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Submitted { .. } => "AttemptSubmitted",
            Self::JudgingStarted { .. } => "JudgingStarted",
            Self::JudgingReleased { .. } => "JudgingReleased",
            Self::SessionSeen { .. } => "SessionSeen",
            Self::Judged { .. } => "AttemptJudged",
            Self::SolutionShown { .. } => "SolutionShown",
            Self::RejudgeRequested { .. } => "AttemptRejudgeRequested",
            Self::RejudgingStarted { .. } => "RejudgingStarted",
            Self::RejudgingReleased { .. } => "RejudgingReleased",
            Self::Rejudged { .. } => "AttemptRejudged",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        match self {
            // 1.1 says whether somebody has to look at the session first, and what the verdict rests on.
            Self::Submitted { .. } | Self::Judged { .. } => "1.1",
            _ => "1.0",
        }
        .to_owned()
    }
}

/// Why a command to an attempt is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// No such attempt.
    #[error("there is no such attempt")]
    Unknown,
    /// The id is taken.
    #[error("this attempt was submitted already")]
    AlreadySubmitted,
    /// The solution is not for this learner yet.
    #[error("the solution is shown once an attempt has passed")]
    SolutionNotYet,
    /// A verdict is owed already; another one can be asked for once that is there.
    #[error("this attempt is being judged right now")]
    UnderWay,
    /// Whoever wants it judged again did not know its newest verdict.
    #[error("this attempt has been judged again since")]
    JudgedSince,
    /// A worker's word about it is refused.
    #[error(transparent)]
    Job(#[from] JobRefusal),
}

/// One submission.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    newest: Option<Round>,
    /// What was passed stays passed, however it is judged again.
    passed: bool,
    solution_shown: bool,
}

/// One judgement, from its request to its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    /// Counted from 1, which is the learner's own submission.
    number: u32,
    job: JobId,
    course: JobCourse,
}

impl Round {
    fn started(&self, claim: Claim, start_number: u32, log: RecordingId) -> AttemptEvent {
        match self.number {
            1 => AttemptEvent::JudgingStarted { claim, start_number, log },
            _ => AttemptEvent::RejudgingStarted { job: self.job, claim, start_number, log },
        }
    }

    fn released(&self, lease: LeaseId, reason: String) -> AttemptEvent {
        match self.number {
            1 => AttemptEvent::JudgingReleased { lease, reason },
            _ => AttemptEvent::RejudgingReleased { job: self.job, lease, reason },
        }
    }

    fn judged(&self, verdict: Verdict, basis: Option<Basis>) -> AttemptEvent {
        match self.number {
            1 => AttemptEvent::Judged { verdict, basis },
            _ => AttemptEvent::Rejudged { job: self.job, verdict, basis },
        }
    }
}

impl Attempt {
    fn decide(&self, command: AttemptCommand) -> Result<Vec<AttemptEvent>, AttemptError> {
        let round = || self.newest.as_ref().ok_or(AttemptError::Unknown);
        let event = match command {
            AttemptCommand::Submit { attempt, session, learner, lab, tree, judge_job, looks_at_session } => {
                match self.newest {
                    Some(_) => return Err(AttemptError::AlreadySubmitted),
                    None => AttemptEvent::Submitted {
                        attempt,
                        session,
                        learner,
                        lab,
                        tree,
                        judge_job,
                        looks_at_session,
                    },
                }
            }
            AttemptCommand::RecordSession { lease, facts } => {
                round()?.course.check(lease)?;
                AttemptEvent::SessionSeen { lease, facts }
            }
            AttemptCommand::Rejudge { job, lab, after } => match round()? {
                round if round.course.is_open() => return Err(AttemptError::UnderWay),
                round if round.number != after => return Err(AttemptError::JudgedSince),
                _ => AttemptEvent::RejudgeRequested { job, lab },
            },
            AttemptCommand::StartJudging { job, claim, log } => match round()? {
                // A message that was late: the job that it names has its verdict.
                round if round.job != job => return Err(JobRefusal::Over.into()),
                round => match round.course.decide_start()? {
                    StartDecision::Start { number } => round.started(claim, number, log),
                    StartDecision::GiveUp => round.judged(given_up(), None),
                },
            },
            AttemptCommand::ReleaseJudging { lease, reason } => {
                let round = round()?;
                round.course.check(lease)?;
                round.released(lease, reason)
            }
            AttemptCommand::Judge { lease, verdict, basis } => {
                let round = round()?;
                round.course.check(lease)?;
                round.judged(verdict, basis)
            }
            AttemptCommand::ShowSolution { leave } => {
                round()?;
                match (self.solution_shown, self.passed || leave) {
                    (true, _) => return Ok(Vec::new()),
                    (false, true) => AttemptEvent::SolutionShown { leave: leave && !self.passed },
                    (false, false) => return Err(AttemptError::SolutionNotYet),
                }
            }
        };
        Ok(vec![event])
    }
}

fn given_up() -> Verdict {
    Verdict::inconclusive(
        "worker_crashed",
        "The judge was started several times and never came to an end; it was given up.",
        "This does not count against you. Submit again; if it happens again, tell the operator.",
    )
}

impl Aggregate for Attempt {
    const TYPE: &'static str = "attempt";
    type Command = AttemptCommand;
    type Event = AttemptEvent;
    type Error = AttemptError;
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
        match (event, &mut self.newest) {
            (AttemptEvent::Submitted { judge_job: job, .. }, newest) => {
                *newest = Some(Round { number: 1, job, course: JobCourse::requested() });
            }
            (AttemptEvent::RejudgeRequested { job, .. }, Some(round)) => {
                *round = Round { number: round.number + 1, job, course: JobCourse::requested() };
            }
            (
                AttemptEvent::JudgingStarted { claim, start_number, .. }
                | AttemptEvent::RejudgingStarted { claim, start_number, .. },
                Some(round),
            ) => round.course.started(&claim, start_number),
            (AttemptEvent::JudgingReleased { .. } | AttemptEvent::RejudgingReleased { .. }, Some(round)) => {
                round.course.released();
            }
            (AttemptEvent::Judged { verdict, .. } | AttemptEvent::Rejudged { verdict, .. }, Some(round)) => {
                round.course.finished();
                self.passed |= verdict.passed;
            }
            // Looking was one job; judging begins anew from here.
            (AttemptEvent::SessionSeen { .. }, Some(round)) => round.course = JobCourse::requested(),
            (AttemptEvent::SolutionShown { .. }, Some(_)) => self.solution_shown = true,
            // Only a damaged stream has an event before `Submitted`; it stays unknown rather than half known.
            (_, None) => {}
        }
    }
}
