//! Appending: expected versions, retries, and one transaction for everything that follows.

use std::collections::HashMap;

use containrlab_domain::ids::{BlobHash, JobId, LearnerId, SessionId, WorkspaceId};
use containrlab_domain::job::JobOutcome;
use containrlab_domain::learner::{Learner, LearnerCommand, LearnerEvent, Provider};
use containrlab_domain::session::{Origin, Session, SessionCommand, SessionError, SessionEvent};
use containrlab_domain::workspace::{
    Expected, FileEntry, Tree, Workspace, WorkspaceCommand, WorkspaceLimits, WorkspacePath,
};
use containrlab_store::testing::TestStore;
use containrlab_store::{CommandError, DuplicateOf, StoreError};
use cqrs_es::{AggregateContext, AggregateError, EventStore};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{by, claim, exec, learner, ready, request, requested, runner, start};

fn register(id: Uuid, subject: &str) -> LearnerCommand {
    LearnerCommand::Register {
        learner: LearnerId(id),
        provider: Provider::Local,
        subject: subject.to_owned(),
        name: "Ada".to_owned(),
    }
}

#[tokio::test]
async fn a_command_is_recorded_with_its_read_model_its_job_and_its_author() {
    let store = TestStore::new().await;
    let (learner, session) = (learner(), SessionId(Uuid::new_v4()));
    let by = by();
    let done = store.execute::<Session>(session.0, request(session, learner, "lab1", 60), &by).await.unwrap();
    assert_eq!(done.version, 1);
    assert!(matches!(done.events[0].payload, SessionEvent::Requested { .. }));
    assert_eq!(done.events[0].metadata["request"], by.request.to_string());

    let (loaded, version) = store.load::<Session>(session.0).await.unwrap();
    assert_eq!((loaded, version), (done.aggregate, 1));
    let row = store.session(session).await.unwrap().unwrap();
    assert_eq!((row.learner_id, row.lab.slug.as_str()), (learner, "lab1"));
    let jobs = store.jobs_of(session).await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].queue.to_string(), "provision");
}

#[tokio::test]
async fn a_refused_command_leaves_no_trace() {
    let store = TestStore::new().await;
    let session = Uuid::new_v4();
    let refused =
        store.execute::<Session>(session, SessionCommand::Extend { request: by().request }, &by()).await;
    assert!(matches!(refused, Err(CommandError::Refused(SessionError::Unknown))), "{refused:?}");
    assert_eq!(store.load::<Session>(session).await.unwrap().1, 0);
}

#[tokio::test]
async fn a_command_with_nothing_to_do_appends_nothing() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let end = || SessionCommand::RequestEnd {
        reason: containrlab_domain::session::EndReason::Learner,
        job: JobId(Uuid::now_v7()),
    };
    store.execute::<Session>(session.0, end(), &by()).await.unwrap();
    let again = store.execute::<Session>(session.0, end(), &by()).await.unwrap();
    assert!(again.events.is_empty());
    assert_eq!(again.version, store.load::<Session>(session.0).await.unwrap().1);
}

#[tokio::test]
async fn writers_of_one_stream_decide_anew_until_each_has_its_turn() {
    let store = TestStore::new().await;
    let workspace = Uuid::new_v4();
    let open = WorkspaceCommand::Open {
        origin: Origin::Starter,
        tree: Tree::default(),
        limits: WorkspaceLimits::default(),
    };
    store.execute::<Workspace>(workspace, open, &by()).await.unwrap();
    let hash = store.put_blob(b"x").await.unwrap();

    let writers = (0..4).map(|writer| {
        let (store, hash) = (&store, hash.clone());
        async move {
            for n in 0..10 {
                let command = WorkspaceCommand::Write {
                    path: WorkspacePath::new(format!("{writer}/{n}")).unwrap(),
                    entry: FileEntry { hash: hash.clone(), size: 1, executable: false },
                    expected: Expected::Nothing,
                };
                // The retries are bounded, so a writer may have to come back.
                loop {
                    match store.execute::<Workspace>(workspace, command.clone(), &by()).await {
                        Ok(_) => break,
                        Err(CommandError::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    });
    join_all(writers).await;

    let (loaded, version) = store.load::<Workspace>(workspace).await.unwrap();
    assert_eq!(version, 41, "each write is in the stream once");
    assert_eq!(loaded.tree().files.len(), 40);
}

#[tokio::test]
async fn an_append_to_another_version_than_expected_is_a_conflict() {
    let store = TestStore::new().await;
    let id = Uuid::new_v4();
    let registered = |name: &str| LearnerEvent::Registered {
        learner: LearnerId(id),
        provider: Provider::Local,
        subject: name.to_owned(),
        name: name.to_owned(),
    };
    let ledger = store.ledger();
    let name = id.to_string();
    let load = || EventStore::<Learner>::load_aggregate(ledger, &name);
    let (mut first, second) = (load().await.unwrap(), load().await.unwrap());
    assert_eq!(*first.aggregate(), Learner::default());
    ledger.commit(vec![registered("a")], first, HashMap::new()).await.unwrap();
    let late = ledger.commit(vec![registered("b")], second, HashMap::new()).await;
    assert!(matches!(late, Err(AggregateError::AggregateConflict)), "{late:?}");
    assert_eq!(EventStore::<Learner>::load_events(ledger, &name).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_starts_in_one_lab_one_wins() {
    let store = TestStore::new().await;
    let learner = learner();
    let starts = (0..8).map(|_| async {
        let session = SessionId(Uuid::new_v4());
        store.execute::<Session>(session.0, request(session, learner, "lab1", 60), &by()).await
    });
    let outcomes = join_all(starts).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let duplicates = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(CommandError::Duplicate(DuplicateOf::ActiveSession))))
        .count();
    assert_eq!((won, duplicates), (1, 7));
    assert_eq!(store.sessions_of(learner).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_subject_registers_once() {
    let store = TestStore::new().await;
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    store.execute::<Learner>(one, register(one, "ada"), &by()).await.unwrap();
    let second = store.execute::<Learner>(two, register(two, "ada"), &by()).await;
    assert!(matches!(second, Err(CommandError::Duplicate(DuplicateOf::Learner))), "{second:?}");
    assert_eq!(store.load::<Learner>(two).await.unwrap().1, 0, "the event went with the row");
    let found = store.learner_by_subject(Provider::Local, "ada").await.unwrap().unwrap();
    assert_eq!(found, store.learner(LearnerId(one)).await.unwrap().unwrap());
}

#[tokio::test]
async fn what_follows_and_the_event_stand_or_fall_together() {
    let store = TestStore::new().await;
    let session = SessionId(Uuid::new_v4());
    // The read model refuses: its table cannot take this row.
    let sql = store.sql().await;
    sql.batch_execute("alter table jobs add constraint closed check (kind <> 'provision')").await.unwrap();
    let refused = store.execute::<Session>(session.0, request(session, learner(), "lab1", 60), &by()).await;
    assert!(matches!(refused, Err(CommandError::Store(StoreError::Database(_)))), "{refused:?}");
    assert_eq!(store.load::<Session>(session.0).await.unwrap().1, 0);
    assert_eq!(store.session(session).await.unwrap(), None);
    assert!(store.jobs_of(session).await.unwrap().is_empty());

    sql.batch_execute("alter table jobs drop constraint closed").await.unwrap();
    store.execute::<Session>(session.0, request(session, learner(), "lab1", 60), &by()).await.unwrap();
    assert_eq!(store.jobs_of(session).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_event_cannot_name_bytes_that_are_not_there() {
    let store = TestStore::new().await;
    let workspace = Uuid::new_v4();
    let entry = FileEntry { hash: BlobHash::of(b"nowhere"), size: 7, executable: false };
    let path = WorkspacePath::new("a").unwrap();
    let tree = Tree { files: [(path.clone(), entry.clone())].into(), ..Tree::default() };
    let open =
        |tree| WorkspaceCommand::Open { origin: Origin::Starter, tree, limits: WorkspaceLimits::default() };
    let refused = store.execute::<Workspace>(workspace, open(tree), &by()).await;
    assert!(
        matches!(&refused, Err(CommandError::Store(StoreError::BlobMissing(hash))) if *hash == entry.hash),
        "{refused:?}"
    );
    store.execute::<Workspace>(workspace, open(Tree::default()), &by()).await.unwrap();
    let write = WorkspaceCommand::Write { path, entry, expected: Expected::Anything };
    let refused = store.execute::<Workspace>(workspace, write, &by()).await;
    assert!(matches!(refused, Err(CommandError::Store(StoreError::BlobMissing(_)))), "{refused:?}");
    let (tree, version) = store.workspace_tree(WorkspaceId(workspace)).await.unwrap().unwrap();
    assert_eq!((tree, version), (Tree::default(), 1));
}

#[tokio::test]
async fn a_damaged_event_is_named_and_not_guessed_at() {
    let store = TestStore::new().await;
    let (session, _) = requested(&store, learner(), "lab1").await;
    store.sql().await.execute("update events set payload = '{\"type\":\"unheard_of\"}'", &[]).await.unwrap();
    let error = store.load::<Session>(session.0).await.unwrap_err();
    assert!(error.to_string().contains(&session.to_string()), "{error}");
    assert!(!error.is_unavailable());
}

#[tokio::test]
async fn a_database_without_tables_says_what_to_do() {
    let store = TestStore::new().await;
    store.sql().await.batch_execute("drop table sessions").await.unwrap();
    let error = store.session(SessionId(Uuid::new_v4())).await.unwrap_err();
    assert!(error.to_string().contains("containrlab migrate"), "{error}");
}

/// A process remembers what it has read, and must not trust it when the database was set back to an earlier moment.
#[tokio::test]
async fn a_stream_that_was_set_back_goes_on_from_where_it_is() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let (first, claim) = (exec(&store, session).await, claim(runner));
    store.execute::<Session>(session.0, start(first, &claim), &by()).await.unwrap();
    let outcome = JobOutcome::Exited { code: 0, milliseconds: 1 };
    let finish = SessionCommand::FinishJob { job: first, lease: claim.lease, outcome };
    store.execute::<Session>(session.0, finish, &by()).await.unwrap();
    // Another process goes on; this one reads what is new to it.
    let other = store.another().await;
    let second = exec(&other, session).await;
    store.execute::<Session>(session.0, start(second, &claim), &by()).await.unwrap();
    assert_eq!(store.load::<Session>(session.0).await.unwrap().1, 8);

    // As a backup would have it that was made after the first job was asked for.
    let sql = store.sql().await;
    sql.execute("delete from events where aggregate_type = 'session' and sequence > 4", &[]).await.unwrap();
    sql.batch_execute("update jobs set state = 'owed', lease = null, lease_until = null").await.unwrap();
    sql.execute("delete from jobs where job_id = $1", &[&second.0]).await.unwrap();
    for store in [&*store, &other] {
        let refused = store.execute::<Session>(session.0, start(second, &claim), &by()).await;
        assert!(matches!(refused, Err(CommandError::Refused(_))), "{refused:?}");
    }
    let started = store.execute::<Session>(session.0, start(first, &claim), &by()).await.unwrap();
    assert_eq!(started.version, 5, "without a gap");
    assert_eq!(store.verify_ledger(|damage| panic!("{damage}")).await.unwrap().events, 5);
}
