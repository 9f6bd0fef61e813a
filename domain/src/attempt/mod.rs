//! The attempt: one submission, from the moment it was handed in to its verdict.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, JobId, LabRef, LearnerId, LeaseId, RecordingId, SessionId, TreeHash};
use crate::job::{Claim, JobCourse, JobRefusal, StartDecision};
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
    },
    /// A runner takes it to judge.
    StartJudging {
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
            Self::Judged { .. } => "AttemptJudged",
            Self::SolutionShown { .. } => "SolutionShown",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
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
    /// A worker's word about it is refused.
    #[error(transparent)]
    Job(#[from] JobRefusal),
}

/// One submission.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    judging: Option<JobCourse>,
    passed: bool,
    solution_shown: bool,
}

impl Attempt {
    fn decide(&self, command: AttemptCommand) -> Result<Vec<AttemptEvent>, AttemptError> {
        let judging = || self.judging.as_ref().ok_or(AttemptError::Unknown);
        match command {
            AttemptCommand::Submit { attempt, session, learner, lab, tree, judge_job } => {
                match self.judging {
                    Some(_) => Err(AttemptError::AlreadySubmitted),
                    None => {
                        Ok(vec![AttemptEvent::Submitted { attempt, session, learner, lab, tree, judge_job }])
                    }
                }
            }
            AttemptCommand::StartJudging { claim, log } => match judging()?.decide_start()? {
                StartDecision::Start { number } => {
                    Ok(vec![AttemptEvent::JudgingStarted { claim, start_number: number, log }])
                }
                StartDecision::GiveUp => Ok(vec![AttemptEvent::Judged {
                    verdict: Verdict::inconclusive(
                        "worker_crashed",
                        "The judge was started several times and never came to an end; it was given up.",
                        "This does not count against you. Submit again; if it happens again, tell the operator.",
                    ),
                }]),
            },
            AttemptCommand::ReleaseJudging { lease, reason } => {
                judging()?.check(lease)?;
                Ok(vec![AttemptEvent::JudgingReleased { lease, reason }])
            }
            AttemptCommand::Judge { lease, verdict } => {
                judging()?.check(lease)?;
                Ok(vec![AttemptEvent::Judged { verdict }])
            }
            AttemptCommand::ShowSolution { leave } => {
                judging()?;
                match (self.solution_shown, self.passed || leave) {
                    (true, _) => Ok(Vec::new()),
                    (false, true) => Ok(vec![AttemptEvent::SolutionShown { leave: leave && !self.passed }]),
                    (false, false) => Err(AttemptError::SolutionNotYet),
                }
            }
        }
    }
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
        match (event, &mut self.judging) {
            (AttemptEvent::Submitted { .. }, judging) => *judging = Some(JobCourse::requested()),
            (AttemptEvent::JudgingStarted { claim, start_number, .. }, Some(course)) => {
                course.started(&claim, start_number);
            }
            (AttemptEvent::JudgingReleased { .. }, Some(course)) => course.released(),
            (AttemptEvent::Judged { verdict }, Some(course)) => {
                course.finished();
                self.passed = verdict.passed;
            }
            (AttemptEvent::SolutionShown { .. }, Some(_)) => self.solution_shown = true,
            // Only a damaged stream has an event before `Submitted`; it stays unknown rather than half known.
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};
    use uuid::Uuid;

    use super::*;
    use crate::ids::{LabSlug, LabVersion, RunnerId};
    use crate::job::MAX_STARTS;
    use crate::verdict::VerdictStatus;
    use crate::workspace::Tree;

    fn submitted() -> AttemptEvent {
        AttemptEvent::Submitted {
            attempt: AttemptId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
            learner: LearnerId(Uuid::from_u128(3)),
            lab: LabRef { slug: LabSlug::new("lab1").unwrap(), version: LabVersion::of(b"lab") },
            tree: Tree::default().hash(),
            judge_job: JobId(Uuid::from_u128(4)),
        }
    }

    fn lease(n: u128) -> LeaseId {
        LeaseId(Uuid::from_u128(n))
    }

    fn started(n: u32) -> AttemptEvent {
        AttemptEvent::JudgingStarted {
            claim: Claim { lease: lease(n.into()), runner: RunnerId(Uuid::from_u128(9)) },
            start_number: n,
            log: RecordingId(Uuid::from_u128(5)),
        }
    }

    fn start(n: u128) -> AttemptCommand {
        AttemptCommand::StartJudging {
            claim: Claim { lease: lease(n), runner: RunnerId(Uuid::from_u128(9)) },
            log: RecordingId(Uuid::from_u128(5)),
        }
    }

    fn verdict() -> Verdict {
        Verdict::inconclusive("test", "A test.", "None.")
    }

    fn given(events: &[AttemptEvent]) -> AggregateTestExecutor<Attempt> {
        TestFramework::<Attempt>::with(()).given(events.to_vec())
    }

    #[test]
    fn only_the_newest_lease_may_say_the_verdict() {
        given(&[submitted(), started(1), started(2)])
            .when(AttemptCommand::Judge { lease: lease(1), verdict: verdict() })
            .then_expect_error(JobRefusal::StaleLease.into());
        given(&[submitted(), started(1), started(2)])
            .when(AttemptCommand::Judge { lease: lease(2), verdict: verdict() })
            .then_expect_events(vec![AttemptEvent::Judged { verdict: verdict() }]);
    }

    #[test]
    fn a_verdict_is_said_once() {
        given(&[submitted(), started(1), AttemptEvent::Judged { verdict: verdict() }])
            .when(AttemptCommand::Judge { lease: lease(1), verdict: verdict() })
            .then_expect_error(JobRefusal::Over.into());
    }

    #[test]
    fn an_attempt_that_kills_its_judges_is_inconclusive() {
        let mut events = vec![submitted()];
        events.extend((1..=MAX_STARTS).map(started));
        let judged = given(&events).when(start(99)).inspect_result().unwrap();
        assert!(matches!(&judged[..], [AttemptEvent::Judged { verdict }]
            if verdict.status == VerdictStatus::Inconclusive && verdict.failures[0].code == "worker_crashed"));
    }

    #[test]
    fn what_was_given_back_can_be_taken_again() {
        given(&[
            submitted(),
            started(1),
            AttemptEvent::JudgingReleased { lease: lease(1), reason: "sandbox_unreachable".to_owned() },
        ])
        .when(start(2))
        .then_expect_events(vec![started(2)]);
    }

    #[test]
    fn the_solution_is_shown_after_a_pass_or_by_leave_and_once() {
        let judged = |passed| AttemptEvent::Judged { verdict: Verdict { passed, ..verdict() } };
        let shown = |leave| AttemptEvent::SolutionShown { leave };
        let show = |leave| AttemptCommand::ShowSolution { leave };
        let failed = [submitted(), started(1), judged(false)];
        let passed = [submitted(), started(1), judged(true)];
        given(&[]).when(show(true)).then_expect_error(AttemptError::Unknown);
        given(&[submitted()]).when(show(false)).then_expect_error(AttemptError::SolutionNotYet);
        given(&failed).when(show(false)).then_expect_error(AttemptError::SolutionNotYet);
        given(&failed).when(show(true)).then_expect_events(vec![shown(true)]);
        given(&passed).when(show(false)).then_expect_events(vec![shown(false)]);
        given(&passed).when(show(true)).then_expect_events(vec![shown(false)]);
        let again: Vec<_> = passed.into_iter().chain([shown(false)]).collect();
        given(&again).when(show(false)).then_expect_events(vec![]);
    }
}
