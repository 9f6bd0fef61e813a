//! Sessions and terminals as pages read them.

use containrlab_domain::ids::{JobId, LabSlug, RecordingId, RequestId};
use containrlab_domain::session::{EndReason, Phase, Session, SessionCommand};
use containrlab_store::LabStateWord;
use containrlab_store::testing::TestStore;
use uuid::Uuid;

use crate::support::{by, claim, learner, ready, ready_for, requested, runner};

#[tokio::test]
async fn a_session_is_active_from_its_request_to_its_end() {
    let store = TestStore::new().await;
    let (learner, runner) = (learner(), runner(&store).await);
    let slug = LabSlug::new("lab1").unwrap();
    assert_eq!(store.active_session(learner, &slug).await.unwrap(), None);
    let first = ready(&store, learner, "lab1", runner).await;
    assert_eq!(store.active_session(learner, &slug).await.unwrap().unwrap().session_id, first);

    let ending = claim(runner);
    for command in [
        SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) },
        SessionCommand::StartEnding { claim: ending.clone() },
        SessionCommand::FinishEnding { lease: ending.lease },
    ] {
        store.execute::<Session>(first.0, command, &by()).await.unwrap();
    }
    assert_eq!(store.active_session(learner, &slug).await.unwrap(), None);
    let last = store.sessions_of(learner).await.unwrap().remove(0);
    assert_eq!((last.session_id, last.phase), (first, Phase::Ended));
    assert_eq!(last.end_reason, Some(EndReason::Learner));
    assert_eq!(store.lab_states(learner).await.unwrap()[0].state, LabStateWord::Tried);

    let (second, _) = requested(&store, learner, "lab1").await;
    let all: Vec<_> = store.sessions_of(learner).await.unwrap().iter().map(|row| row.session_id).collect();
    assert_eq!(all, [second, first]);
}

#[tokio::test]
async fn its_clock_is_postgresqls() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready_for(&store, learner(), "lab1", runner, 100).await;
    let row = store.session(session).await.unwrap().unwrap();
    let seconds = |from: jiff::Timestamp, to: jiff::Timestamp| to.duration_since(from).as_secs_f64();
    assert!((seconds(row.ready_at.unwrap(), row.expires_at.unwrap()) - 100.0).abs() < 0.001);
    assert!((0.0..30.0).contains(&seconds(row.ready_at.unwrap(), row.now)));
    assert!(row.requested_at <= row.ready_at.unwrap());

    store
        .execute::<Session>(session.0, SessionCommand::Extend { request: RequestId(Uuid::new_v4()) }, &by())
        .await
        .unwrap();
    let extended = store.session(session).await.unwrap().unwrap();
    assert_eq!(extended.extensions, 1);
    assert!(extended.expires_at > row.expires_at);
}

#[tokio::test]
async fn terminals_are_closed_with_their_shell_or_their_session() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let open = |terminal: &str| SessionCommand::OpenTerminal {
        terminal: terminal.to_owned(),
        recording: RecordingId(Uuid::new_v4()),
    };
    for terminal in ["main", "second", "main"] {
        store.execute::<Session>(session.0, open(terminal), &by()).await.unwrap();
    }
    let close = SessionCommand::CloseTerminal { terminal: "second".to_owned(), exit_code: 3 };
    store.execute::<Session>(session.0, close, &by()).await.unwrap();
    let rows = store.terminals_of(session).await.unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row.terminal.as_str(), row.closed_at.is_some(), row.exit_code)).collect();
    assert_eq!(told, [("main", false, None), ("second", true, Some(3))]);

    // A name can be used again; it is another terminal.
    store.execute::<Session>(session.0, open("second"), &by()).await.unwrap();
    assert_eq!(store.terminals_of(session).await.unwrap().len(), 3);
    let abandon = SessionCommand::Abandon { reason: EndReason::RunnerLost };
    store.execute::<Session>(session.0, abandon, &by()).await.unwrap();
    assert!(store.terminals_of(session).await.unwrap().iter().all(|row| row.closed_at.is_some()));
}

#[tokio::test]
async fn who_leaves_before_a_sandbox_is_made_leaves_at_once() {
    let store = TestStore::new().await;
    let (session, job) = requested(&store, learner(), "lab1").await;
    store.relay_once().await.unwrap();
    let leave = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(session.0, leave, &by()).await.unwrap();
    assert_eq!(store.session(session).await.unwrap().unwrap().phase, Phase::Ended);
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!(row.state, containrlab_store::JobRowState::Done);
}

#[tokio::test]
async fn who_leaves_while_a_sandbox_is_being_made_has_its_maker_told() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let (session, job) = requested(&store, learner(), "lab1").await;
    let making = claim(runner);
    let take = SessionCommand::StartProvisioning { claim: making.clone() };
    store.execute::<Session>(session.0, take, &by()).await.unwrap();
    let end_job = JobId(Uuid::now_v7());
    let leave = SessionCommand::RequestEnd { reason: EndReason::Learner, job: end_job };
    store.execute::<Session>(session.0, leave, &by()).await.unwrap();
    assert!(!store.extend_lease(job, making.lease, containrlab_store::LEASE).await.unwrap());
    let row = store.job(end_job).await.unwrap().unwrap();
    assert_eq!(row.queue.to_string(), format!("runner:{runner}"));
}
