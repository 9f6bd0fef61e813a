//! The timeline.

use containrlab_domain::actor::{Actor, Provenance, RecordedActor};
use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{RecordingId, RequestId, WorkspaceId};
use containrlab_domain::session::{Origin, Session, SessionCommand};
use containrlab_domain::workspace::{Tree, Workspace, WorkspaceCommand, WorkspaceLimits, WorkspacePath};
use containrlab_store::testing::TestStore;
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{by, claim, learner, ready, runner, submitted};

#[tokio::test]
async fn it_holds_the_events_of_session_workspace_and_attempts_in_order() {
    let store = TestStore::new().await;
    let (learner, runner) = (learner(), runner(&store).await);
    let session = ready(&store, learner, "lab1", runner).await;
    let other = ready(&store, learner, "lab2", runner).await;
    let open = WorkspaceCommand::Open {
        origin: Origin::Starter,
        tree: Tree::default(),
        limits: WorkspaceLimits::default(),
    };
    let who = Provenance { actor: Actor::Learner(learner), request: RequestId(Uuid::new_v4()) };
    store.execute::<Workspace>(WorkspaceId::of(session).0, open, &who).await.unwrap();
    let (attempt, job) = submitted(&store, learner, session).await;
    let judging =
        AttemptCommand::StartJudging { job, claim: claim(runner), log: RecordingId(Uuid::new_v4()) };
    store.execute::<Attempt>(attempt.0, judging, &by()).await.unwrap();

    let entries = store.timeline(session, 0, 100).await.unwrap();
    let types: Vec<&str> = entries.iter().map(|entry| entry.event_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "SessionRequested",
            "ProvisioningStarted",
            "SandboxReady",
            "WorkspaceOpened",
            "AttemptSubmitted",
            "JudgingStarted"
        ]
    );
    assert!(entries.is_sorted_by_key(|entry| entry.position));
    assert_eq!(entries[3].actor, RecordedActor::Learner(learner));
    assert_eq!(entries[3].request, who.request.to_string());
    assert_eq!(serde_json::to_value(&entries[3]).unwrap()["actor"], format!("learner:{learner}"));
    let rest = store.timeline(session, entries[1].position, 2).await.unwrap();
    assert_eq!(rest, entries[2..4]);
    assert_eq!(store.timeline(other, 0, 100).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_on_from_the_last_position_misses_nothing() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let workspace = WorkspaceId::of(session).0;
    let open = WorkspaceCommand::Open {
        origin: Origin::Starter,
        tree: Tree::default(),
        limits: WorkspaceLimits::default(),
    };
    store.execute::<Workspace>(workspace, open, &by()).await.unwrap();

    let write_files = async {
        for n in 0..200 {
            let path = WorkspacePath::new(format!("folder{n}")).unwrap();
            let command = WorkspaceCommand::CreateFolder { path };
            store.execute::<Workspace>(workspace, command, &by()).await.unwrap();
        }
    };
    let write_session = async {
        // A session may open 64 terminals in its life.
        for n in 0..120 {
            let command = if n % 2 == 0 {
                let recording = RecordingId(Uuid::new_v4());
                SessionCommand::OpenTerminal { terminal: "main".to_owned(), recording }
            } else {
                SessionCommand::CloseTerminal { terminal: "main".to_owned(), exit_code: 0 }
            };
            store.execute::<Session>(session.0, command, &by()).await.unwrap();
        }
    };
    let learner = learner();
    let write_attempts = async {
        for _ in 0..60 {
            submitted(&store, learner, session).await;
        }
    };
    // Three readers at different paces, each reading on from where it was.
    let done = tokio_util::sync::CancellationToken::new();
    let readers = [1_usize, 3, 50].map(|limit| {
        let (store, done) = (&store, done.clone());
        async move {
            let (mut position, mut seen) = (0, Vec::new());
            loop {
                let last_round = done.is_cancelled();
                let entries = store.timeline(session, position, limit).await.unwrap();
                position = entries.last().map_or(position, |entry| entry.position);
                seen.extend(entries.iter().map(|entry| entry.position));
                if entries.is_empty() && last_round {
                    return seen;
                }
            }
        }
    });
    let writers = async {
        tokio::join!(write_files, write_session, write_attempts);
        done.cancel();
    };
    let (seen, ()) = tokio::join!(join_all(readers), writers);
    let all: Vec<i64> =
        store.timeline(session, 0, 10_000).await.unwrap().iter().map(|entry| entry.position).collect();
    assert_eq!(all.len(), 3 + 1 + 200 + 120 + 60);
    for positions in seen {
        assert_eq!(positions, all);
    }
}

#[tokio::test]
async fn an_event_of_an_old_version_is_read_as_the_newest_everywhere() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let by = by();
    let extend = |request| SessionCommand::Extend { request };
    store.execute::<Session>(session.0, extend(by.request), &by).await.unwrap();
    // As it was written before 1.1.
    let sql = "update events set event_version = '1.0', payload = payload - 'request' \
               where event_type = 'SessionExtended'";
    assert_eq!(store.sql().await.execute(sql, &[]).await.unwrap(), 1);
    let told = store.timeline(session, 0, 100).await.unwrap();
    let told = told.last().unwrap();
    assert_eq!((told.event_type.as_str(), told.event_version.as_str()), ("SessionExtended", "1.1"));
    assert_eq!(told.payload["request"], by.request.to_string());
    // The aggregate knows it, too: the same request again adds nothing.
    let again = store.execute::<Session>(session.0, extend(by.request), &by).await.unwrap();
    assert!(again.events.is_empty(), "{:?}", again.events);
    let verified = store.verify_ledger(|damage| panic!("{damage}")).await.unwrap();
    assert_eq!(verified.damages, 0);
}
