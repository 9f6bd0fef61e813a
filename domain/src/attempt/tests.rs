//! What an attempt decides.

use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use uuid::Uuid;

use super::*;
use crate::ids::{LabSlug, RunnerId};
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
        looks_at_session: false,
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
        job: JobId(Uuid::from_u128(4)),
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
        .when(AttemptCommand::Judge { lease: lease(1), verdict: verdict(), basis: None })
        .then_expect_error(JobRefusal::StaleLease.into());
    given(&[submitted(), started(1), started(2)])
        .when(AttemptCommand::Judge { lease: lease(2), verdict: verdict(), basis: None })
        .then_expect_events(vec![AttemptEvent::Judged { verdict: verdict(), basis: None }]);
}

#[test]
fn a_verdict_is_said_once() {
    given(&[submitted(), started(1), AttemptEvent::Judged { verdict: verdict(), basis: None }])
        .when(AttemptCommand::Judge { lease: lease(1), verdict: verdict(), basis: None })
        .then_expect_error(JobRefusal::Over.into());
}

#[test]
fn an_attempt_that_kills_its_judges_is_inconclusive() {
    let mut events = vec![submitted()];
    events.extend((1..=MAX_STARTS).map(started));
    let judged = given(&events).when(start(99)).inspect_result().unwrap();
    assert!(matches!(&judged[..], [AttemptEvent::Judged { verdict, basis: None }]
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

fn judged() -> AttemptEvent {
    AttemptEvent::Judged { verdict: verdict(), basis: None }
}

fn again() -> JobId {
    JobId(Uuid::from_u128(7))
}

fn rejudge(after: u32) -> AttemptCommand {
    AttemptCommand::Rejudge { job: again(), lab: LabVersion::of(b"newer"), after }
}

fn rejudge_requested() -> AttemptEvent {
    AttemptEvent::RejudgeRequested { job: again(), lab: LabVersion::of(b"newer") }
}

fn claim(n: u128) -> Claim {
    Claim { lease: lease(n), runner: RunnerId(Uuid::from_u128(9)) }
}

fn restarted(n: u32) -> AttemptEvent {
    let log = RecordingId(Uuid::from_u128(5));
    AttemptEvent::RejudgingStarted { job: again(), claim: claim(n.into()), start_number: n, log }
}

fn basis() -> Basis {
    Basis {
        tree: Tree::default().hash(),
        lab: LabVersion::of(b"newer"),
        judge: 1,
        images: [("python:3.12-slim".to_owned(), "sha256:1".to_owned())].into(),
    }
}

#[test]
fn a_verdict_carries_what_it_rests_on() {
    given(&[submitted(), started(1)])
        .when(AttemptCommand::Judge { lease: lease(1), verdict: verdict(), basis: Some(basis()) })
        .then_expect_events(vec![AttemptEvent::Judged { verdict: verdict(), basis: Some(basis()) }]);
}

#[test]
fn what_is_judged_can_be_judged_again_by_another_version() {
    given(&[submitted(), started(1), judged()])
        .when(rejudge(1))
        .then_expect_events(vec![rejudge_requested()]);
    given(&[submitted(), started(1), judged(), rejudge_requested(), restarted(1)])
        .when(AttemptCommand::Judge { lease: lease(1), verdict: verdict(), basis: Some(basis()) })
        .then_expect_events(vec![AttemptEvent::Rejudged {
            job: again(),
            verdict: verdict(),
            basis: Some(basis()),
        }]);
}

#[test]
fn only_one_judgement_at_a_time_is_owed() {
    given(&[submitted()]).when(rejudge(1)).then_expect_error(AttemptError::UnderWay);
    given(&[submitted(), started(1), judged(), rejudge_requested()])
        .when(rejudge(1))
        .then_expect_error(AttemptError::UnderWay);
    given(&[]).when(rejudge(1)).then_expect_error(AttemptError::Unknown);
}

#[test]
fn of_two_who_ask_at_once_the_late_one_is_refused_also_after_the_verdict() {
    let rejudged = AttemptEvent::Rejudged { job: again(), verdict: verdict(), basis: None };
    given(&[submitted(), started(1), judged(), rejudge_requested(), restarted(1), rejudged])
        .when(rejudge(1))
        .then_expect_error(AttemptError::JudgedSince);
}

#[test]
fn a_late_message_of_the_first_job_does_not_start_the_second() {
    given(&[submitted(), started(1), judged(), rejudge_requested()])
        .when(start(2))
        .then_expect_error(JobRefusal::Over.into());
}

#[test]
fn judging_again_counts_its_own_starts_and_is_given_up_as_well() {
    let mut events = vec![submitted(), started(1), started(2), started(3), judged(), rejudge_requested()];
    let start_again = |n| AttemptCommand::StartJudging {
        job: again(),
        claim: claim(n),
        log: RecordingId(Uuid::from_u128(5)),
    };
    given(&events).when(start_again(1)).then_expect_events(vec![restarted(1)]);
    events.extend((1..=MAX_STARTS).map(restarted));
    let given_up = given(&events).when(start_again(99)).inspect_result().unwrap();
    assert!(matches!(&given_up[..], [AttemptEvent::Rejudged { job, verdict, basis: None }]
        if *job == again() && verdict.status == VerdictStatus::Inconclusive));
    let released = AttemptEvent::RejudgingReleased {
        job: again(),
        lease: lease(3),
        reason: "runner_stopped".to_owned(),
    };
    given(&events)
        .when(AttemptCommand::ReleaseJudging { lease: lease(3), reason: "runner_stopped".to_owned() })
        .then_expect_events(vec![released]);
}

#[test]
fn the_solution_is_shown_after_a_pass_or_by_leave_and_once() {
    let judged = |passed| AttemptEvent::Judged { verdict: Verdict { passed, ..verdict() }, basis: None };
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
    let seen: Vec<_> = passed.clone().into_iter().chain([shown(false)]).collect();
    given(&seen).when(show(false)).then_expect_events(vec![]);
    // What was passed stays passed.
    let stricter = AttemptEvent::Rejudged { job: again(), verdict: verdict(), basis: None };
    let rejudged: Vec<_> = passed.into_iter().chain([rejudge_requested(), restarted(1), stricter]).collect();
    given(&rejudged).when(show(false)).then_expect_events(vec![shown(false)]);
}

#[test]
fn whoever_looks_at_the_session_does_not_use_up_the_judges_starts() {
    let mut events = vec![submitted()];
    events.extend((1..=MAX_STARTS).map(started));
    let seen = AttemptEvent::SessionSeen { lease: lease(MAX_STARTS.into()), facts: None };
    given(&events)
        .when(AttemptCommand::RecordSession { lease: lease(1), facts: None })
        .then_expect_error(JobRefusal::StaleLease.into());
    given(&events)
        .when(AttemptCommand::RecordSession { lease: lease(MAX_STARTS.into()), facts: None })
        .then_expect_events(vec![seen.clone()]);
    events.push(seen);
    given(&events).when(start(1)).then_expect_events(vec![started(1)]);
}
