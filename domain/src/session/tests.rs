use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use uuid::Uuid;

use super::*;
use crate::ids::{LabRef, LabSlug, LabVersion, LeaseId, RecordingId, RequestId, SandboxId};
use crate::job::{Claim, MAX_STARTS};

const TTL: u64 = 1800;

fn job(n: u128) -> JobId {
    JobId(Uuid::from_u128(n))
}

fn lease(n: u128) -> LeaseId {
    LeaseId(Uuid::from_u128(n))
}

fn claim(n: u128) -> Claim {
    Claim { lease: lease(n), runner: RunnerId(Uuid::from_u128(99)) }
}

fn recording() -> RecordingId {
    RecordingId(Uuid::from_u128(5))
}

fn requested() -> SessionEvent {
    SessionEvent::Requested {
        session: SessionId(Uuid::from_u128(1)),
        learner: LearnerId(Uuid::from_u128(2)),
        lab: LabRef { slug: LabSlug::new("lab1").unwrap(), version: LabVersion::of(b"lab") },
        origin: Origin::Starter,
        provision_job: job(1),
        ttl_seconds: TTL,
    }
}

fn provisioning(n: u128, start_number: u32) -> SessionEvent {
    SessionEvent::ProvisioningStarted { claim: claim(n), start_number }
}

fn ready() -> SessionEvent {
    SessionEvent::SandboxReady {
        lease: lease(1),
        sandbox: SandboxId(Uuid::from_u128(3)),
        warm: false,
        ttl_seconds: TTL,
    }
}

fn build() -> Work {
    Work::Build { tag: "app".to_owned() }
}

fn given(events: &[SessionEvent]) -> AggregateTestExecutor<Session> {
    TestFramework::<Session>::with(()).given(events.to_vec())
}

fn usable() -> Vec<SessionEvent> {
    vec![requested(), provisioning(1, 1), ready()]
}

fn and(mut events: Vec<SessionEvent>, more: &[SessionEvent]) -> Vec<SessionEvent> {
    events.extend_from_slice(more);
    events
}

fn mark_ready(n: u128) -> SessionCommand {
    SessionCommand::MarkReady { lease: lease(n), sandbox: SandboxId(Uuid::from_u128(3)), warm: false }
}

#[test]
fn a_runner_claims_then_provides_the_sandbox() {
    given(&[requested()])
        .when(SessionCommand::StartProvisioning { claim: claim(1) })
        .then_expect_events(vec![provisioning(1, 1)]);
    given(&[requested(), provisioning(1, 1)]).when(mark_ready(1)).then_expect_events(vec![ready()]);
}

#[test]
fn a_late_runner_is_refused_once_another_has_started() {
    given(&[requested(), provisioning(1, 1), provisioning(2, 2)])
        .when(mark_ready(1))
        .then_expect_error(JobRefusal::StaleLease.into());
}

#[test]
fn a_start_that_kills_its_workers_is_given_up() {
    let mut events = vec![requested()];
    events.extend((1..=MAX_STARTS).map(|n| provisioning(u128::from(n), n)));
    given(&events).when(SessionCommand::StartProvisioning { claim: claim(9) }).then_expect_events(vec![
        SessionEvent::Ended { reason: EndReason::StartFailed { cause: "worker_crashed".to_owned() } },
    ]);
}

#[test]
fn a_session_that_ends_while_it_waits_needs_no_clean_up() {
    given(&[requested()])
        .when(SessionCommand::RequestEnd { reason: EndReason::Learner, job: job(7) })
        .then_expect_events(vec![SessionEvent::Ended { reason: EndReason::Learner }]);
}

#[test]
fn a_runner_that_is_done_after_the_end_was_asked_for_must_remove_its_sandbox() {
    given(&[
        requested(),
        provisioning(1, 1),
        SessionEvent::EndRequested { reason: EndReason::Learner, job: job(7) },
    ])
    .when(mark_ready(1))
    .then_expect_error(SessionError::Ended);
}

#[test]
fn one_build_run_or_command_at_a_time() {
    given(&usable())
        .when(SessionCommand::RequestJob { job: job(7), work: build() })
        .then_expect_events(vec![SessionEvent::JobRequested { job: job(7), work: build() }]);
    given(&and(usable(), &[SessionEvent::JobRequested { job: job(7), work: build() }]))
        .when(SessionCommand::RequestJob { job: job(8), work: build() })
        .then_expect_error(SessionError::Busy { job: job(7) });
}

#[test]
fn nothing_can_be_run_before_the_sandbox_is_ready() {
    given(&[requested()])
        .when(SessionCommand::RequestJob { job: job(7), work: build() })
        .then_expect_error(SessionError::NotReady);
}

#[test]
fn a_job_has_exactly_one_outcome_even_when_the_session_ends_under_it() {
    let events = and(
        usable(),
        &[
            SessionEvent::JobRequested { job: job(7), work: build() },
            SessionEvent::JobStarted { job: job(7), claim: claim(4), start_number: 1, log: recording() },
            SessionEvent::EndRequested { reason: EndReason::Expired, job: job(8) },
            SessionEvent::EndingStarted { claim: claim(5), start_number: 1 },
        ],
    );
    let ended =
        given(&events).when(SessionCommand::FinishEnding { lease: lease(5) }).inspect_result().unwrap();
    assert_eq!(ended.len(), 2);
    assert!(
        matches!(&ended[0], SessionEvent::JobFinished { job: finished, outcome: JobOutcome::Failed { .. } }
        if *finished == job(7))
    );
    assert_eq!(ended[1], SessionEvent::Ended { reason: EndReason::Expired });
    given(&and(events, &ended))
        .when(SessionCommand::FinishJob {
            job: job(7),
            lease: lease(4),
            outcome: JobOutcome::Exited { code: 0, milliseconds: 1 },
        })
        .then_expect_error(SessionError::Ended);
}

#[test]
fn asking_for_the_end_twice_is_asking_once() {
    given(&and(usable(), &[SessionEvent::EndRequested { reason: EndReason::Learner, job: job(7) }]))
        .when(SessionCommand::RequestEnd { reason: EndReason::Expired, job: job(8) })
        .then_expect_events(vec![]);
}

#[test]
fn an_abandoned_session_keeps_the_reason_that_was_asked_for() {
    given(&and(usable(), &[SessionEvent::EndRequested { reason: EndReason::Learner, job: job(7) }]))
        .when(SessionCommand::Abandon { reason: EndReason::RunnerLost })
        .then_expect_events(vec![SessionEvent::Ended { reason: EndReason::Learner }]);
}

#[test]
fn time_can_be_added_a_few_times() {
    let request = |n: u32| RequestId(Uuid::from_u128(n.into()));
    let extended = |n| SessionEvent::Extended { by_seconds: TTL, request: request(n) };
    given(&usable())
        .when(SessionCommand::Extend { request: request(0) })
        .then_expect_events(vec![extended(0)]);
    let all: Vec<_> = (0..MAX_EXTENSIONS).map(extended).collect();
    given(&and(usable(), &all))
        .when(SessionCommand::Extend { request: request(MAX_EXTENSIONS) })
        .then_expect_error(SessionError::NoMoreExtensions(MAX_EXTENSIONS));
    given(&and(usable(), &all))
        .when(SessionCommand::Extend { request: request(1) })
        .then_expect_events(vec![]);
}

#[test]
fn a_terminal_opens_once_however_often_a_page_connects() {
    let open =
        |name: &str| SessionCommand::OpenTerminal { terminal: name.to_owned(), recording: recording() };
    let opened = SessionEvent::TerminalOpened { terminal: "main".to_owned(), recording: recording() };
    given(&usable()).when(open("main")).then_expect_events(vec![opened.clone()]);
    given(&and(usable(), &[opened])).when(open("main")).then_expect_events(vec![]);
    given(&usable()).when(open("../x")).then_expect_error(SessionError::InvalidTerminalName);
}

#[test]
fn trouble_is_told_while_the_sandbox_lives_and_not_without_end() {
    let report = || SessionCommand::ReportTrouble { trouble: Trouble::OutOfMemory };
    let troubled = SessionEvent::SandboxTroubled { trouble: Trouble::OutOfMemory };
    given(&[requested()]).when(report()).then_expect_error(SessionError::NotReady);
    given(&usable()).when(report()).then_expect_events(vec![troubled.clone()]);
    let mut often = usable();
    often.extend(std::iter::repeat_n(troubled, MAX_TROUBLES_OF_A_KIND as usize));
    given(&often).when(report()).then_expect_events(vec![]);
    let other = Trouble::DiskFull;
    given(&often)
        .when(SessionCommand::ReportTrouble { trouble: other })
        .then_expect_events(vec![SessionEvent::SandboxTroubled { trouble: other }]);
}

#[test]
fn hints_come_one_after_the_other_for_each_check() {
    let about = |check: Option<&str>| check.map(str::to_owned);
    let ask = |check, number| SessionCommand::ShowHint { check: about(check), number, strength: 1 };
    let shown = |check, number| SessionEvent::HintShown { check: about(check), number, strength: 1 };
    given(&usable()).when(ask(None, 1)).then_expect_events(vec![shown(None, 1)]);
    given(&usable())
        .when(ask(Some("build"), 2))
        .then_expect_error(SessionError::HintOutOfTurn { number: 2, shown: 0 });
    let some = and(usable(), &[shown(None, 1), shown(Some("build"), 1)]);
    given(&some).when(ask(Some("build"), 2)).then_expect_events(vec![shown(Some("build"), 2)]);
    // Asked for once more, because the answer was lost.
    given(&some).when(ask(None, 1)).then_expect_events(vec![]);
    given(&some).when(ask(None, 0)).then_expect_error(SessionError::HintOutOfTurn { number: 0, shown: 1 });
    let many: Vec<_> = (1..=MAX_HINTS as u32).map(|number| shown(None, number)).collect();
    given(&and(usable(), &many))
        .when(ask(Some("build"), 1))
        .then_expect_error(SessionError::TooManyHints(MAX_HINTS));
    given(&and(usable(), &[SessionEvent::EndRequested { reason: EndReason::Learner, job: job(7) }]))
        .when(ask(None, 1))
        .then_expect_error(SessionError::Ended);
}
