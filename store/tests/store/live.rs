//! Bells.

use std::time::Instant;

use containrlab_domain::ids::{JobId, RecordingId, SessionId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_store::live::{Doorbell, TICK};
use containrlab_store::testing::{Proxy, TestStore};
use containrlab_store::{RecordingKind, Settings, Store};
use uuid::Uuid;

use crate::support::{by, eventually, learner, requested};

/// Waits until the bell is quiet: a fresh subscription rings once by itself.
async fn quiet(bell: &mut Doorbell) {
    loop {
        let begun = Instant::now();
        bell.rung().await;
        if begun.elapsed() >= TICK {
            return;
        }
    }
}

async fn rings_soon(bell: &mut Doorbell) -> bool {
    let begun = Instant::now();
    bell.rung().await;
    begun.elapsed() < TICK
}

#[tokio::test]
async fn a_bell_is_heard_here_and_in_other_processes() {
    let store = TestStore::new().await;
    let other = store.another().await;
    let session = SessionId(Uuid::new_v4());
    let (mut here, mut there) = (store.live().subscribe(session), other.live().subscribe(session));
    let mut elsewhere = other.live().subscribe(SessionId(Uuid::new_v4()));
    tokio::join!(quiet(&mut here), quiet(&mut there), quiet(&mut elsewhere));
    store.live().ring(session);
    let (here, there, elsewhere) =
        tokio::join!(rings_soon(&mut here), rings_soon(&mut there), rings_soon(&mut elsewhere));
    assert!(here && there);
    assert!(!elsewhere, "another session's bell stays quiet");
}

#[tokio::test]
async fn a_ring_while_nobody_waits_is_kept() {
    let store = TestStore::new().await;
    let session = SessionId(Uuid::new_v4());
    let mut bell = store.live().subscribe(session);
    quiet(&mut bell).await;
    for _ in 0..10 {
        store.live().ring(session);
    }
    assert!(rings_soon(&mut bell).await);
    quiet(&mut bell).await;
}

#[tokio::test]
async fn commands_and_log_lines_ring() {
    let store = TestStore::new().await;
    let (session, _) = requested(&store, learner(), "lab1").await;
    let other = store.another().await;
    let mut bell = other.live().subscribe(session);
    quiet(&mut bell).await;
    let end = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(session.0, end, &by()).await.unwrap();
    assert!(rings_soon(&mut bell).await);
    quiet(&mut bell).await;
    let log = RecordingId(Uuid::new_v4());
    store.open_recording(log, session, RecordingKind::Log).await.unwrap();
    store.append_recording(log, 0, b"Step 1/4\n").await.unwrap();
    assert!(rings_soon(&mut bell).await);
}

#[tokio::test]
async fn a_bell_is_heard_again_after_its_connection_broke() {
    let store = TestStore::new().await;
    let proxy = Proxy::before(&store.settings().redis_url).await;
    let behind = Settings { redis_url: proxy.url(), ..store.settings().clone() };
    let other = Store::connect(behind).await.unwrap();
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
    // Without Redis, a bell is still heard in its own process, and by the tick everywhere.
    quiet(&mut bell).await;
    other.live().ring(session);
    assert!(rings_soon(&mut bell).await);

    proxy.accept();
    eventually("somebody listens again", async || listeners().await == 1).await;
    quiet(&mut bell).await;
    store.live().ring(session);
    assert!(rings_soon(&mut bell).await);
    drop(bell);
    eventually("nobody listens for what nobody waits for", async || listeners().await == 0).await;
}
