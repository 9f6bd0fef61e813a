//! Properties of the aggregates: whatever is asked of them, in whatever order, the invariants of the ledger hold.

use std::collections::{BTreeMap, BTreeSet};

use containrlab_domain::attempt::{Attempt, AttemptCommand, AttemptEvent};
use containrlab_domain::ids::{
    AttemptId, BlobHash, JobId, LabRef, LabSlug, LabVersion, LearnerId, LeaseId, RecordingId, RequestId,
    RunnerId, SandboxId, SessionId,
};
use containrlab_domain::job::{Claim, JobOutcome, MAX_STARTS};
use containrlab_domain::learner::{Learner, LearnerCommand, LearnerEvent, Provider};
use containrlab_domain::session::{EndReason, Origin, Session, SessionCommand, SessionEvent, Work};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use containrlab_domain::workspace::{
    Expected, FileEntry, Tree, Workspace, WorkspaceCommand, WorkspaceEvent, WorkspaceLimits, WorkspacePath,
};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use cqrs_es::test::TestFramework;
use proptest::prelude::*;
use uuid::Uuid;

/// Sends the commands one after the other and gives the events that they led to; refused commands lead to none.
fn history<A: Aggregate<Services = ()>>(commands: Vec<A::Command>) -> Vec<A::Event> {
    let mut events = Vec::new();
    for command in commands {
        let outcome = TestFramework::<A>::with(()).given(events.clone()).when(command).inspect_result();
        events.extend(outcome.unwrap_or_default());
    }
    events
}

/// Sends the commands to one aggregate that lives on in between, and checks after each that it is what a replay of all events so
/// far gives: what a command leaves behind is its events and nothing else. Gives the events.
fn lived<A>(commands: Vec<A::Command>) -> Result<Vec<A::Event>, TestCaseError>
where
    A: Aggregate<Services = ()> + PartialEq + std::fmt::Debug,
{
    let mut aggregate = A::default();
    let mut events = Vec::new();
    for command in commands {
        let sink = EventSink::default();
        // Refused: no event, and nothing has changed.
        let _ = block_on(aggregate.handle(command, &(), &sink));
        events.extend(block_on(sink.collect()));
        prop_assert_eq!(&aggregate, &replayed::<A>(&events));
    }
    Ok(events)
}

/// Aggregates wait for nothing, so that one look at their future is enough.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("an aggregate waits for something"),
    }
}

fn replayed<A: Aggregate>(events: &[A::Event]) -> A {
    let mut aggregate = A::default();
    events.iter().cloned().for_each(|event| aggregate.apply(event));
    aggregate
}

fn id(n: u8) -> Uuid {
    Uuid::from_u128(n.into())
}

fn claim(n: u8) -> Claim {
    Claim { lease: LeaseId(id(n)), runner: RunnerId(id(200)) }
}

fn session_command() -> impl Strategy<Value = SessionCommand> {
    // Few ids, so that commands meet one another.
    let lease = 0..4u8;
    let job = 10..13u8;
    prop_oneof![
        3 => Just(SessionCommand::Request {
            session: SessionId(id(1)),
            learner: LearnerId(id(2)),
            lab: LabRef { slug: LabSlug::new("lab1").unwrap(), version: LabVersion::of(b"lab") },
            origin: Origin::Starter,
            provision_job: JobId(id(3)),
            ttl_seconds: 60,
        }),
        4 => lease.clone().prop_map(|n| SessionCommand::StartProvisioning { claim: claim(n) }),
        1 => lease.clone().prop_map(|n| SessionCommand::ReleaseProvisioning {
            lease: LeaseId(id(n)),
            reason: "test".to_owned(),
        }),
        4 => lease.clone().prop_map(|n| SessionCommand::MarkReady {
            lease: LeaseId(id(n)),
            sandbox: SandboxId(id(n)),
            warm: false,
        }),
        1 => lease.clone().prop_map(|n| SessionCommand::Extend { request: RequestId(id(n)) }),
        6 => job.clone().prop_map(|n| SessionCommand::RequestJob {
            job: JobId(id(n)),
            work: Work::Build { tag: "app".to_owned() },
        }),
        8 => (job.clone(), lease.clone()).prop_map(|(n, l)| SessionCommand::StartJob {
            job: JobId(id(n)),
            claim: claim(l),
            log: RecordingId(id(l)),
        }),
        6 => (job, lease.clone()).prop_map(|(n, l)| SessionCommand::FinishJob {
            job: JobId(id(n)),
            lease: LeaseId(id(l)),
            outcome: JobOutcome::Exited { code: 0, milliseconds: 1 },
        }),
        1 => Just(SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(id(20)) }),
        1 => lease.clone().prop_map(|n| SessionCommand::StartEnding { claim: claim(n) }),
        1 => lease.clone().prop_map(|n| SessionCommand::FinishEnding { lease: LeaseId(id(n)) }),
        1 => lease.clone().prop_map(|n| SessionCommand::OpenTerminal {
            terminal: format!("t{n}"),
            recording: RecordingId(id(n)),
        }),
        1 => lease.prop_map(|n| SessionCommand::CloseTerminal { terminal: format!("t{n}"), exit_code: 0 }),
        2 => (any::<bool>(), 0..3u32).prop_map(|(on_check, number)| SessionCommand::ShowHint {
            check: on_check.then(|| "build".to_owned()),
            number,
            strength: 1,
        }),
        1 => Just(SessionCommand::Abandon { reason: EndReason::RunnerLost }),
    ]
}

fn attempt_command() -> impl Strategy<Value = AttemptCommand> {
    let lease = 0..4u8;
    let verdict = |passed| {
        let status = if passed { VerdictStatus::Passed } else { VerdictStatus::Failed };
        Verdict { status, passed, ..Verdict::inconclusive("", "", "") }
    };
    prop_oneof![
        2 => Just(AttemptCommand::Submit {
            attempt: AttemptId(id(1)),
            session: SessionId(id(2)),
            learner: LearnerId(id(3)),
            lab: LabRef { slug: LabSlug::new("lab1").unwrap(), version: LabVersion::of(b"lab") },
            tree: Tree::default().hash(),
            judge_job: JobId(id(4)), looks_at_session: false,
        }),
        2 => (1..4u8, 5..8u8).prop_map(|(after, job)| AttemptCommand::Rejudge {
            job: JobId(id(job)),
            lab: LabVersion::of(b"newer"),
            after: after.into(),
        }),
        8 => (lease.clone(), 4..8u8).prop_map(|(n, job)| AttemptCommand::StartJudging {
            job: JobId(id(job)),
            claim: claim(n),
            log: RecordingId(id(n)),
        }),
        2 => lease.clone().prop_map(|n| AttemptCommand::ReleaseJudging {
            lease: LeaseId(id(n)),
            reason: "test".to_owned(),
        }),
        4 => (lease, any::<bool>()).prop_map(move |(n, passed)| AttemptCommand::Judge {
            lease: LeaseId(id(n)),
            verdict: verdict(passed),
            basis: None,
        }),
        2 => any::<bool>().prop_map(|leave| AttemptCommand::ShowSolution { leave }),
    ]
}

fn learner_command() -> impl Strategy<Value = LearnerCommand> {
    (0..3u8, ".{0,90}").prop_map(|(n, name)| LearnerCommand::Register {
        learner: LearnerId(id(n)),
        provider: Provider::Local,
        subject: n.to_string(),
        name,
    })
}

fn path() -> impl Strategy<Value = WorkspacePath> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
        .prop_map(|parts| WorkspacePath::new(parts.join("/")).unwrap())
}

fn workspace_command() -> impl Strategy<Value = WorkspaceCommand> {
    let entry = (0..6u64, any::<bool>()).prop_map(|(size, executable)| FileEntry {
        hash: BlobHash::of(&vec![b'x'; size as usize]),
        size,
        executable,
    });
    prop_oneof![
        6 => (path(), entry).prop_map(|(path, entry)| WorkspaceCommand::Write {
            path,
            entry,
            expected: Expected::Anything,
        }),
        2 => path().prop_map(|path| WorkspaceCommand::CreateFolder { path }),
        2 => path().prop_map(|path| WorkspaceCommand::Delete { path }),
        3 => (path(), path()).prop_map(|(from, to)| WorkspaceCommand::Rename { from, to }),
    ]
}

const LIMITS: WorkspaceLimits = WorkspaceLimits { file_bytes: 4, total_bytes: 12, entries: 5 };

proptest! {
    #[test]
    fn a_session_gives_each_job_one_outcome_and_nothing_after_its_end(
        commands in prop::collection::vec(session_command(), 0..80)
    ) {
        let events = history::<Session>(commands);
        let mut starts: BTreeMap<JobId, u32> = BTreeMap::new();
        let mut requested = BTreeSet::new();
        let mut finished = BTreeSet::new();
        for (n, event) in events.iter().enumerate() {
            match event {
                SessionEvent::JobRequested { job, .. } => prop_assert!(requested.insert(*job)),
                SessionEvent::JobStarted { job, start_number, .. } => {
                    prop_assert!(requested.contains(job) && !finished.contains(job));
                    let count = starts.entry(*job).or_default();
                    *count += 1;
                    prop_assert_eq!(*count, *start_number);
                    prop_assert!(*count <= MAX_STARTS);
                }
                SessionEvent::JobFinished { job, .. } => {
                    prop_assert!(requested.contains(job));
                    prop_assert!(finished.insert(*job), "two outcomes");
                }
                SessionEvent::Ended { .. } => prop_assert_eq!(n + 1, events.len(), "something after the end"),
                _ => {}
            }
            let open = requested.difference(&finished).count();
            prop_assert!(open <= 1, "two jobs at once");
        }
        for check in [None, Some("build".to_owned())] {
            let hints = events.iter().filter_map(|event| match event {
                SessionEvent::HintShown { check: about, number, .. } if *about == check => Some(*number),
                _ => None,
            });
            for (place, number) in (1..).zip(hints) {
                prop_assert_eq!(place, number, "hints come in order, and once");
            }
        }
        if matches!(events.last(), Some(SessionEvent::Ended { .. })) {
            prop_assert_eq!(requested, finished, "a job without an outcome");
        }
    }

    #[test]
    fn a_workspace_stays_a_tree_within_its_limits(
        commands in prop::collection::vec(workspace_command(), 0..60)
    ) {
        let open = WorkspaceCommand::Open { origin: Origin::Starter, tree: Tree::default(), limits: LIMITS };
        let events = history::<Workspace>([vec![open], commands].concat());
        for end in 0..=events.len() {
            let workspace = replayed::<Workspace>(&events[..end]);
            let tree = workspace.tree();
            prop_assert!(tree.total_bytes() <= LIMITS.total_bytes);
            prop_assert!(tree.files.len() + tree.folders.len() <= LIMITS.entries);
            let folders = tree.all_folders();
            for file in tree.files.keys() {
                prop_assert!(!folders.contains(file), "{file} is a file and a folder");
            }
        }
    }

    #[test]
    fn an_attempt_has_one_verdict_a_round_by_the_newest_lease_or_is_given_up(
        commands in prop::collection::vec(attempt_command(), 0..60)
    ) {
        let events = lived::<Attempt>(commands)?;
        let mut starts = 0;
        let mut newest = None;
        let mut passed = false;
        let mut shown = false;
        let mut owed = None;
        for (n, event) in events.iter().enumerate() {
            match event {
                AttemptEvent::Submitted { judge_job, .. } => {
                    prop_assert_eq!(n, 0, "handed in once, before all else");
                    owed = Some((*judge_job, 1));
                }
                AttemptEvent::RejudgeRequested { job, .. } => {
                    prop_assert!(owed.is_none() && n > 0, "two verdicts are owed at once");
                    owed = Some((*job, 2));
                    starts = 0;
                }
                AttemptEvent::JudgingStarted { claim, start_number, .. }
                | AttemptEvent::RejudgingStarted { claim, start_number, .. } => {
                    prop_assert!(owed.is_some());
                    starts += 1;
                    prop_assert_eq!(*start_number, starts);
                    prop_assert!(starts <= MAX_STARTS);
                    newest = Some(claim.lease);
                }
                AttemptEvent::JudgingReleased { lease, .. } | AttemptEvent::RejudgingReleased { lease, .. } => {
                    prop_assert_eq!(newest.take(), Some(*lease), "given back by whoever holds it");
                }
                AttemptEvent::Judged { verdict, .. } | AttemptEvent::Rejudged { verdict, .. } => {
                    let (job, round) = owed.take().expect("a verdict that nobody asked for");
                    let is_first = matches!(event, AttemptEvent::Judged { .. });
                    prop_assert_eq!(is_first, round == 1);
                    if let AttemptEvent::Rejudged { job: of, .. } = event {
                        prop_assert_eq!(*of, job);
                    }
                    passed |= verdict.passed;
                    let given_up = verdict.status == VerdictStatus::Inconclusive;
                    let may_end = if given_up { starts == MAX_STARTS } else { newest.is_some() };
                    prop_assert!(may_end, "a verdict that nobody may say");
                    newest = None;
                }
                AttemptEvent::SessionSeen { .. } => prop_assert!(false, "nobody looked"),
                AttemptEvent::SolutionShown { leave } => {
                    prop_assert!(!std::mem::replace(&mut shown, true), "shown twice");
                    prop_assert_eq!(passed, !leave, "by a pass, or else by leave");
                }
            }
        }
    }

    #[test]
    fn a_learner_registers_once_with_a_name_that_pages_can_show(
        commands in prop::collection::vec(learner_command(), 0..8)
    ) {
        let events = lived::<Learner>(commands)?;
        prop_assert!(events.len() <= 1);
        for LearnerEvent::Registered { name, .. } in events {
            prop_assert!((1..=80).contains(&name.chars().count()) && name.trim() == name);
            prop_assert!(!name.chars().any(char::is_control));
        }
    }

    #[test]
    fn a_replay_gives_the_state_that_the_commands_left(
        session in prop::collection::vec(session_command(), 0..60),
        workspace in prop::collection::vec(workspace_command(), 0..40),
    ) {
        lived::<Session>(session)?;
        let open = WorkspaceCommand::Open { origin: Origin::Starter, tree: Tree::default(), limits: LIMITS };
        lived::<Workspace>([vec![open], workspace].concat())?;
    }

    #[test]
    fn an_event_reads_as_it_was_written(
        session in prop::collection::vec(session_command(), 0..40),
        workspace in prop::collection::vec(workspace_command(), 0..40),
        attempt in prop::collection::vec(attempt_command(), 0..20),
    ) {
        for event in history::<Attempt>(attempt) {
            let text = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(serde_json::from_str::<AttemptEvent>(&text).unwrap(), event);
        }
        for event in history::<Session>(session) {
            let text = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(serde_json::from_str::<SessionEvent>(&text).unwrap(), event);
        }
        for event in history::<Workspace>(workspace) {
            let text = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(serde_json::from_str::<WorkspaceEvent>(&text).unwrap(), event);
        }
    }

    #[test]
    fn a_diff_turns_one_tree_into_the_other(
        one in prop::collection::vec(workspace_command(), 0..30),
        other in prop::collection::vec(workspace_command(), 0..30),
    ) {
        let open = || WorkspaceCommand::Open { origin: Origin::Starter, tree: Tree::default(), limits: LIMITS };
        let tree = |commands| replayed::<Workspace>(&history::<Workspace>([vec![open()], commands].concat()));
        let (before, after) = (tree(one), tree(other));
        let diff = before.tree().diff(after.tree());
        let mut copy = before.tree().clone();
        for path in &diff.removed_files {
            copy.files.remove(path);
        }
        for path in &diff.removed_folders {
            copy.folders.remove(path);
        }
        copy.folders.extend(diff.added_folders);
        copy.files.extend(diff.written);
        // A folder that only ever held files is no entry of its own; what lies in the tree is what counts.
        prop_assert_eq!(&copy.files, &after.tree().files);
        prop_assert!(copy.all_folders().is_superset(&after.tree().all_folders()));
        for folder in copy.folders.difference(&after.tree().folders) {
            prop_assert!(after.tree().has_folder(folder), "{folder} was left behind");
        }
    }
}
