//! Measures the ledger against the same rows inserted raw, in one run on one machine: trust the ratio.
//!
//! `DATABASE_URL=… REDIS_URL=… cargo run -p containrlab-store --release --features testing --example measure`

use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{JobId, LabRef, LabSlug, LabVersion, LearnerId, RequestId, SessionId};
use containrlab_domain::session::{Origin, Session, SessionCommand};
use containrlab_store::Store;
use containrlab_store::testing::TestStore;
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

const SECONDS: u64 = 5;

#[tokio::main]
async fn main() {
    for writers in [16, 1] {
        let store = TestStore::new().await;
        let raw = measure(writers, async || raw(&store).await).await;
        let ledger = measure(writers, async || command(&store).await).await;
        println!(
            "{writers:>2} writers: raw {:>7.0}/s (p99 {:.2} ms), ledger {:>7.0}/s (p99 {:.2} ms), ratio {:.2}, p99 {:.1} times",
            raw.rate,
            raw.p99,
            ledger.rate,
            ledger.p99,
            ledger.rate / raw.rate,
            ledger.p99 / raw.p99,
        );
    }
}

struct Figures {
    rate: f64,
    /// In milliseconds.
    p99: f64,
}

async fn measure(writers: usize, once: impl AsyncFn()) -> Figures {
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let all = join_all((0..writers).map(|_| async {
        let mut times = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            once().await;
            times.push(begun.elapsed());
        }
        times
    }))
    .await;
    let mut times: Vec<Duration> = all.into_iter().flatten().collect();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100].as_secs_f64() * 1000.0;
    Figures { rate: times.len() as f64 / SECONDS as f64, p99 }
}

async fn command(store: &Store) {
    let session = SessionId(Uuid::new_v4());
    let command = SessionCommand::Request {
        session,
        learner: LearnerId(Uuid::new_v4()),
        lab: LabRef { slug: LabSlug::new("lab1").expect("a slug"), version: LabVersion::of(b"") },
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds: 60,
    };
    let by = Provenance { actor: Actor::System("measure"), request: RequestId(Uuid::new_v4()) };
    store.execute::<Session>(session.0, command, &by).await.expect("a session can be requested");
}

async fn raw(store: &TestStore) {
    let mut client = store.sql().await;
    let transaction = client.transaction().await.expect("a transaction");
    let (session, learner, job) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::now_v7());
    let version = LabVersion::of(b"");
    let payload = json!({"type": "requested", "session": session, "learner": learner, "provision_job": job,
        "lab": {"slug": "lab1", "version": version}, "origin": {"from": "starter"}, "ttl_seconds": 60});
    let metadata = json!({"actor": "system:measure", "request": Uuid::new_v4()});
    let events = transaction
        .prepare_cached(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, \
               session_id) values ('session', $1, 1, 'SessionRequested', '1.0', $2, $3, $1)",
        )
        .await
        .expect("prepared");
    transaction.execute(&events, &[&session, &payload, &metadata]).await.expect("inserted");
    let sessions = transaction
        .prepare_cached(
            "insert into sessions (session_id, learner_id, lab_slug, lab_version, origin, phase, requested_at) \
             values ($1, $2, 'lab1', $3, $4, 'starting', now())",
        )
        .await
        .expect("prepared");
    let origin = json!({"from": "starter"});
    transaction
        .execute(&sessions, &[&session, &learner, &version.as_str(), &origin])
        .await
        .expect("inserted");
    let jobs = transaction
        .prepare_cached(
            "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
               available_at) values ($1, 'provision', 'provision', 10, $2, $2, $3, now(), now())",
        )
        .await
        .expect("prepared");
    transaction.execute(&jobs, &[&job, &session, &learner]).await.expect("inserted");
    transaction.commit().await.expect("committed");
}
