//! Bells.

use std::time::Duration;

use containrlab_domain::ids::{JobId, RecordingId, SessionId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_store::baselines::connect_on_bells;
use containrlab_store::live::Doorbell;
use containrlab_store::testing::{Proxy, TestStore};
use containrlab_store::{RecordingKind, Settings, Store};
use uuid::Uuid;

use crate::support::{by, eventually, learner, requested};

/// A store whose bells nobody rings but whoever has news: no clock does.
async fn on_bells(store: &TestStore) -> Store {
    connect_on_bells(store.settings().clone()).await.unwrap()
}

async fn rings_within(bell: &mut Doorbell, time: Duration) -> bool {
    tokio::time::timeout(time, bell.rung()).await.is_ok()
}

/// Waits until the bell is quiet.
async fn quiet(bell: &mut Doorbell) {
    while rings_within(bell, Duration::from_millis(500)).await {}
}

/// Waits until the subscription of a fresh bell stands: it rings once by itself then.
async fn hung(bell: &mut Doorbell) {
    assert!(rings(bell).await);
    quiet(bell).await;
}

async fn rings(bell: &mut Doorbell) -> bool {
    rings_within(bell, Duration::from_secs(20)).await
}

#[tokio::test]
async fn a_bell_is_heard_here_and_in_other_processes() {
    let store = TestStore::new().await;
    let (here, other) = tokio::join!(on_bells(&store), on_bells(&store));
    let session = SessionId(Uuid::new_v4());
    let (mut near, mut far) = (here.live().subscribe(session), other.live().subscribe(session));
    let mut elsewhere = other.live().subscribe(SessionId(Uuid::new_v4()));
    tokio::join!(hung(&mut near), hung(&mut far), hung(&mut elsewhere));
    here.live().ring(session);
    assert!(rings(&mut near).await && rings(&mut far).await);
    assert!(
        !rings_within(&mut elsewhere, Duration::from_millis(500)).await,
        "another session's bell stays quiet"
    );
}

#[tokio::test]
async fn a_ring_while_nobody_waits_is_kept() {
    let database = TestStore::new().await;
    let store = on_bells(&database).await;
    let session = SessionId(Uuid::new_v4());
    let mut bell = store.live().subscribe(session);
    hung(&mut bell).await;
    for _ in 0..10 {
        store.live().ring(session);
    }
    assert!(rings(&mut bell).await);
    quiet(&mut bell).await;
}

#[tokio::test]
async fn commands_and_log_lines_ring() {
    let store = TestStore::new().await;
    let (session, _) = requested(&store, learner(), "lab1").await;
    let other = on_bells(&store).await;
    let mut bell = other.live().subscribe(session);
    hung(&mut bell).await;
    let end = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(session.0, end, &by()).await.unwrap();
    assert!(rings(&mut bell).await);
    quiet(&mut bell).await;
    let log = RecordingId(Uuid::new_v4());
    store.open_recording(log, session, RecordingKind::Log).await.unwrap();
    store.append_recording(log, 0, b"Step 1/4\n").await.unwrap();
    assert!(rings(&mut bell).await);
}

#[tokio::test]
async fn a_bell_is_heard_again_after_its_connection_broke() {
    let store = TestStore::new().await;
    let proxy = Proxy::before(&store.settings().redis_url).await;
    let behind = Settings { redis_url: proxy.url(), ..store.settings().clone() };
    let other = connect_on_bells(behind).await.unwrap();
    let session = SessionId(Uuid::new_v4());
    let mut bell = other.live().subscribe(session);
    let client = redis::Client::open(store.settings().redis_url.as_str()).unwrap();
    let redis = client.get_multiplexed_async_connection().await.unwrap();
    let channel = format!("{}:bell:session:{session}", store.settings().namespace);
    let listeners = async || {
        let mut redis = redis.clone();
        let counts: Vec<(String, usize)> =
            redis::cmd("PUBSUB").arg("NUMSUB").arg(&channel).query_async(&mut redis).await.unwrap();
        counts[0].1
    };
    eventually("somebody listens", async || listeners().await == 1).await;

    proxy.refuse();
    eventually("nobody listens", async || listeners().await == 0).await;
    // Without Redis, a bell is still heard in its own process.
    quiet(&mut bell).await;
    other.live().ring(session);
    assert!(rings(&mut bell).await);

    proxy.accept();
    eventually("somebody listens again", async || listeners().await == 1).await;
    quiet(&mut bell).await;
    store.live().ring(session);
    assert!(rings(&mut bell).await);
    drop(bell);
    eventually("nobody listens for what nobody waits for", async || listeners().await == 0).await;
}
