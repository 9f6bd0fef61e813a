//! Projections by checkpoint: nothing missed, nothing twice, and a rebuild gives the same rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, JobId, RecordingId, RunnerId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_domain::verdict::{Finding, Verdict, VerdictStatus};
use containrlab_store::testing::TestStore;
use containrlab_store::{LabStatistics, Store, StoreError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{by, chance, claim, eventually, learner, ready, requested, runner, submitted};

fn verdict(status: VerdictStatus, codes: &[&str]) -> Verdict {
    Verdict {
        passed: status == VerdictStatus::Passed,
        status,
        failures: codes.iter().map(|code| Finding::new(*code, "A finding.")).collect(),
        ..Verdict::inconclusive("", "", "")
    }
}

/// Something that a learner and a runner might have done, by chance.
async fn live_a_little(store: &Store, random: &mut StdRng) {
    let runner = runner(store).await;
    for _ in 0..random.random_range(2..5) {
        let ada = learner();
        let lab = ["lab1", "lab2", "lab3"][random.random_range(0..3)];
        if random.random_bool(0.2) {
            let (session, _) = requested(store, ada, lab).await;
            if random.random_bool(0.5) {
                end(store, session.0, EndReason::Learner).await;
            }
            continue;
        }
        let session = ready(store, ada, lab, runner).await;
        for _ in 0..random.random_range(0..3) {
            let (attempt, job) = submitted(store, ada, session).await;
            if random.random_bool(0.8) {
                let verdict = match random.random_range(0..3) {
                    0 => verdict(VerdictStatus::Passed, &[]),
                    1 => verdict(VerdictStatus::Failed, &["dockerignore_missing", "build_failed"]),
                    _ => verdict(VerdictStatus::Failed, &["build_failed"]),
                };
                judge(store, attempt, job, runner, verdict).await;
            }
        }
        if random.random_bool(0.6) {
            let reason = if random.random_bool(0.5) { EndReason::RunnerLost } else { EndReason::Expired };
            end(store, session.0, reason).await;
        }
    }
}

async fn end(store: &Store, session: Uuid, reason: EndReason) {
    store.execute::<Session>(session, SessionCommand::Abandon { reason }, &by()).await.unwrap();
}

async fn judge(store: &Store, attempt: AttemptId, job: JobId, runner: RunnerId, verdict: Verdict) {
    let claim = claim(runner);
    let lease = claim.lease;
    let start = AttemptCommand::StartJudging { job, claim, log: RecordingId(Uuid::new_v4()) };
    store.execute::<Attempt>(attempt.0, start, &by()).await.unwrap();
    let judge = AttemptCommand::Judge { lease, verdict, basis: None };
    store.execute::<Attempt>(attempt.0, judge, &by()).await.unwrap();
}

async fn caught_up(store: &Store) -> bool {
    store.project_once().await.unwrap();
    store.projection_status().await.unwrap().iter().all(|status| status.behind_events == 0)
}

#[tokio::test]
async fn a_lab_is_counted() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let ada = learner();
    let session = ready(&store, ada, "lab1", runner).await;
    for outcome in [
        verdict(VerdictStatus::Failed, &["build_failed", "dockerignore_missing"]),
        verdict(VerdictStatus::Failed, &["build_failed"]),
        verdict(VerdictStatus::Passed, &[]),
    ] {
        let (attempt, job) = submitted(&store, ada, session).await;
        judge(&store, attempt, job, runner, outcome).await;
    }
    end(&store, session.0, EndReason::Expired).await;
    requested(&store, learner(), "lab2").await;
    eventually("the counts follow", async || caught_up(&store).await).await;
    let count = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
        pairs.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
    };
    let labs = store.lab_statistics().await.unwrap();
    let expected = LabStatistics {
        lab: "lab1".to_owned().try_into().unwrap(),
        sessions: 1,
        ended: count(&[("expired", 1)]),
        attempts: 3,
        verdicts: count(&[("failed", 2), ("passed", 1)]),
        findings: count(&[("build_failed", 2), ("dockerignore_missing", 1)]),
    };
    assert_eq!(labs[0], expected);
    assert_eq!((labs.len(), labs[1].sessions, labs[1].attempts), (2, 1, 0));
}

/// A random history, writers who go on with it side by side, readers who look all the while: two rebuilds among them
/// give what the live rows say, to the last count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_while_the_system_serves_gives_the_same_rows() {
    const WRITERS: usize = 6;
    let store = TestStore::new().await;
    let mut random = chance();
    for _ in 0..4 {
        live_a_little(&store, &mut random).await;
        // So that the live rows come about in many steps.
        store.project_once().await.unwrap();
    }
    let shutdown = CancellationToken::new();
    let projector = store.spawn_projector(shutdown.clone());
    let writers = (0..WRITERS).map(|_| {
        let mut random = StdRng::from_rng(&mut random);
        let store = &store;
        async move {
            for _ in 0..3 {
                live_a_little(store, &mut random).await;
            }
        }
    });
    let writers: Vec<_> = writers.collect();
    let (one, two) = (store.another().await, store.another().await);
    let written = AtomicBool::new(false);
    let read = async {
        let sessions =
            async || -> u64 { store.lab_statistics().await.unwrap().iter().map(|lab| lab.sessions).sum() };
        let mut before = sessions().await;
        while !written.load(Ordering::Relaxed) {
            // Nobody sees a build that has not caught up, nor none at all.
            let now = sessions().await;
            assert!(now >= before, "{before} sessions were counted, and then {now}");
            before = now;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let write = async {
        futures::future::join_all(writers).await;
        written.store(true, Ordering::Relaxed);
    };
    let rebuild = async {
        for other in [&one, &two, &one] {
            assert_eq!(other.rebuild_projections(None).await.unwrap()[0].name, "lab_statistics");
        }
    };
    tokio::join!(write, read, rebuild);
    eventually("the projector follows the new build", || async {
        store.projection_status().await.unwrap().iter().all(|status| status.live && status.behind_events == 0)
    })
    .await;
    shutdown.cancel();
    projector.await.unwrap();
    let live = store.lab_statistics().await.unwrap();
    assert!(!live.is_empty());
    store.rebuild_projections(Some("lab_statistics")).await.unwrap();
    assert_eq!(store.lab_statistics().await.unwrap(), live);
    // What was replaced is gone.
    let sql = store.sql().await;
    let builds = sql.query_one("select count(distinct build) from lab_statistics", &[]).await.unwrap();
    assert_eq!(builds.get::<_, i64>(0), 1);
    let total: i64 = sql.query_one("select count(*) from events", &[]).await.unwrap().get(0);
    assert_eq!(store.projection_status().await.unwrap()[0].events, total as u64);
}

#[tokio::test]
async fn other_rules_are_followed_from_the_first_event_on() {
    let store = TestStore::new().await;
    requested(&store, learner(), "lab1").await;
    eventually("the counts follow", async || caught_up(&store).await).await;
    let sql = store.sql().await;
    sql.batch_execute("update projections set version = 0; update lab_statistics set count = 99")
        .await
        .unwrap();
    store.project_once().await.unwrap();
    assert_eq!(store.lab_statistics().await.unwrap()[0].sessions, 1);
    assert_eq!(store.projection_status().await.unwrap()[0].version, 1);
}

#[tokio::test]
async fn a_projection_that_there_is_not_is_named() {
    let store = TestStore::new().await;
    let error = store.rebuild_projections(Some("nonsense")).await.unwrap_err();
    assert!(matches!(&error, StoreError::NoSuchProjection { name, .. } if name == "nonsense"));
    assert!(error.to_string().contains("lab_statistics"), "{error}");
}

#[tokio::test]
async fn what_is_behind_is_said() {
    let store = TestStore::new().await;
    requested(&store, learner(), "lab1").await;
    let status = store.projection_status().await.unwrap();
    assert_eq!((status[0].events, status[0].behind_events), (0, 1));
    assert!(status[0].behind_seconds > 0.0);
    eventually("the counts follow", async || caught_up(&store).await).await;
    let status = store.projection_status().await.unwrap();
    assert_eq!((status[0].events, status[0].behind_events, status[0].behind_seconds), (1, 0, 0.0));
}

/// 16 writers with transactions of different lengths, and projectors that tail them: what is counted at the end is what
/// was written, to the last of 50,000 events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_lose_no_event_to_a_tailing_projector() {
    const WRITERS: usize = 16;
    const APPENDS: usize = 125;
    const EVENTS: i64 = 25;
    let store = Arc::new(TestStore::new().await);
    let done = Arc::new(AtomicBool::new(false));
    let tail = |store: Arc<TestStore>, done: Arc<AtomicBool>| async move {
        while !done.load(Ordering::Relaxed) {
            store.project_once().await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let tails =
        [tokio::spawn(tail(store.clone(), done.clone())), tokio::spawn(tail(store.clone(), done.clone()))];
    let write = |writer: usize| {
        let store = store.clone();
        async move {
            let mut client = store.sql().await;
            for append in 0..APPENDS {
                let transaction = client.transaction().await.unwrap();
                // Some take their transaction id long before their positions, some commit long after both.
                if append % 7 == writer % 7 {
                    transaction.execute("select pg_current_xact_id()", &[]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
                let payload = r#"{"type": "requested", "session": "5e551071-0000-4000-8000-000000000001",
                    "learner": "1ea12e12-0000-4000-8000-000000000002", "origin": {"from": "starter"},
                    "lab": {"slug": "lab1", "version":
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
                    "provision_job": "10b00000-0000-4000-8000-000000000003", "ttl_seconds": 60}"#;
                transaction
                    .execute(
                        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
                           payload, metadata) \
                         select 'session', gen_random_uuid(), 1, 'SessionRequested', '1.0', $1::text::jsonb, '{}' \
                         from generate_series(1, $2::bigint)",
                        &[&payload, &EVENTS],
                    )
                    .await
                    .unwrap();
                if append % 5 == writer % 5 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                transaction.commit().await.unwrap();
            }
        }
    };
    futures::future::join_all((0..WRITERS).map(|writer| tokio::spawn(write(writer))))
        .await
        .into_iter()
        .for_each(|writer| writer.unwrap());
    eventually("the tail reaches the end", || async {
        store.projection_status().await.unwrap()[0].behind_events == 0
    })
    .await;
    done.store(true, Ordering::Relaxed);
    for tail in tails {
        tail.await.unwrap();
    }
    let written = (WRITERS * APPENDS) as u64 * EVENTS.unsigned_abs();
    assert_eq!(written, 50_000);
    assert_eq!(store.lab_statistics().await.unwrap()[0].sessions, written);
    assert_eq!(store.projection_status().await.unwrap()[0].events, written);
}
