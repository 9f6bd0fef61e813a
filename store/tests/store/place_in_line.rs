//! The line for a sandbox.

use containrlab_domain::ids::{JobId, SessionId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_store::testing::TestStore;
use uuid::Uuid;

use crate::support::{by, claim, learner, requested, runner};

#[tokio::test]
async fn who_waits_knows_their_place() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let greedy = learner();
    let (first, _) = requested(&store, greedy, "lab1").await;
    let (second_of_greedy, _) = requested(&store, greedy, "lab2").await;
    let (other, _) = requested(&store, learner(), "lab1").await;
    let place = async |session: SessionId| store.place_in_line(session).await.unwrap();
    assert_eq!(place(first).await, Some(1));
    assert_eq!(place(other).await, Some(2), "everybody's first comes before anybody's second");
    assert_eq!(place(second_of_greedy).await, Some(3));

    // Pushed or not makes no difference to the place.
    store.relay_once().await.unwrap();
    assert_eq!(place(other).await, Some(2));

    let take = SessionCommand::StartProvisioning { claim: claim(runner) };
    store.execute::<Session>(first.0, take, &by()).await.unwrap();
    assert_eq!(place(first).await, None, "it is being served");
    let leave = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(other.0, leave, &by()).await.unwrap();
    assert_eq!(place(other).await, None);
    assert_eq!(place(second_of_greedy).await, Some(1));
    assert_eq!(place(SessionId(Uuid::new_v4())).await, None);
}

#[tokio::test]
async fn whoever_waits_is_told_how_long_by_recent_sessions() {
    let store = TestStore::new().await;
    let (alone, _) = requested(&store, learner(), "lab1").await;
    let nobody = store.line(alone).await.unwrap().unwrap();
    assert_eq!((nobody.place, nobody.free, nobody.wait), (1, 0, None), "no runner is there");

    let runner = runner(&store).await;
    let line = store.line(alone).await.unwrap().unwrap();
    assert!(!line.waits() && line.free > 0, "{line:?}");
    let sql = store.sql().await;
    sql.execute("update runners set capacity = 1", &[]).await.unwrap();
    let take = SessionCommand::StartProvisioning { claim: claim(runner) };
    store.execute::<Session>(alone.0, take, &by()).await.unwrap();
    let (waiting, _) = requested(&store, learner(), "lab1").await;
    let line = store.line(waiting).await.unwrap().unwrap();
    assert!(line.waits() && line.wait.is_none(), "{line:?}");

    // Three sessions of ten minutes each, a while ago.
    for _ in 0..3 {
        let (past, _) = requested(&store, learner(), "lab2").await;
        let leave = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
        store.execute::<Session>(past.0, leave, &by()).await.unwrap();
        let lived = "update sessions set ready_at = ended_at - interval '10 minutes' where session_id = $1";
        sql.execute(lived, &[&past.0]).await.unwrap();
    }
    let line = store.line(waiting).await.unwrap().unwrap();
    assert_eq!((line.place, line.wait.map(|wait| wait.as_secs())), (1, Some(600)));
    // The one before it has only a minute left.
    let left =
        "update sessions set phase = 'ready', expires_at = now() + interval '1 minute' where session_id = $1";
    sql.execute(left, &[&alone.0]).await.unwrap();
    let line = store.line(waiting).await.unwrap().unwrap();
    assert!(line.wait.is_some_and(|wait| wait.as_secs() <= 60), "{line:?}");
}
