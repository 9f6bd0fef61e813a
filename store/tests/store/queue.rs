//! The way of a job from the outbox through Redis to a worker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{BoxDynError, Data, Monitor, WorkerBuilder};
use containrlab_domain::ids::{JobId, RunnerId, SessionId};
use containrlab_domain::session::{Session, SessionCommand, Work};
use containrlab_store::baselines::connect_on_bells;
use containrlab_store::queue::{Queue, QueuedJob};
use containrlab_store::testing::TestStore;
use containrlab_store::{JobRowState, Pace, Store};
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{by, eventually, exec, learner, ready, requested, runner, submitted};

/// Messages that wait in Redis or are with a worker.
async fn messages(store: &TestStore, queue: &Queue) -> usize {
    let name = containrlab_store::queue::queue_name(&store.settings().namespace, queue);
    let client = redis::Client::open(store.settings().redis_url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let waiting: usize =
        redis::cmd("LLEN").arg(format!("{name}:active")).query_async(&mut connection).await.unwrap();
    let scheduled: usize =
        redis::cmd("ZCARD").arg(format!("{name}:scheduled")).query_async(&mut connection).await.unwrap();
    waiting + scheduled
}

/// A worker that tells which jobs reach it; ends with the token.
fn worker(store: &Store, queue: Queue, shutdown: CancellationToken) -> mpsc::UnboundedReceiver<JobId> {
    async fn handle(
        job: QueuedJob,
        seen: Data<Arc<mpsc::UnboundedSender<JobId>>>,
    ) -> Result<(), BoxDynError> {
        // The test may be over already.
        let _ = seen.send(job.job);
        Ok(())
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    let (store, sender) = (store.clone(), Arc::new(sender));
    tokio::spawn(async move {
        let monitor = Monitor::new()
            .register(move |_| {
                WorkerBuilder::new(format!("test-{}", Uuid::new_v4()))
                    .backend(store.worker_backend(&queue))
                    .data(sender.clone())
                    .build(handle)
            })
            .should_restart(|_, _| true);
        let _ = monitor.run_with_signal(shutdown.cancelled().map(Ok)).await;
    });
    receiver
}

#[tokio::test]
async fn the_relay_pushes_a_job_once() {
    let store = TestStore::new().await;
    let (_, job) = requested(&store, learner(), "lab1").await;
    assert_eq!(store.relay_once().await.unwrap(), 1);
    assert_eq!(store.relay_once().await.unwrap(), 0);
    assert_eq!(store.another().await.relay_once().await.unwrap(), 0);
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Queued);
    assert_eq!(messages(&store, &Queue::Provision).await, 1);
}

#[tokio::test]
async fn two_relays_do_not_push_the_same() {
    let store = TestStore::new().await;
    for _ in 0..40 {
        requested(&store, learner(), "lab1").await;
    }
    let other = store.another().await;
    let (mine, theirs) = tokio::join!(store.relay_once(), other.relay_once());
    let (mine, theirs) = (mine.unwrap(), theirs.unwrap());
    let rest = store.relay_once().await.unwrap();
    assert_eq!(mine + theirs + rest, 40);
    assert_eq!(messages(&store, &Queue::Provision).await, 40);
}

#[tokio::test]
async fn one_who_asks_often_delays_nobody() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let (greedy, modest) = (learner(), learner());
    let session = ready(&store, greedy, "lab1", runner).await;
    for _ in 0..50 {
        submitted(&store, greedy, session).await;
    }
    let theirs = ready(&store, modest, "lab1", runner).await;
    let (_, job) = submitted(&store, modest, theirs).await;
    let pushed = store.relay_once().await.unwrap();
    assert!(pushed < 10, "a small share of one learner's {pushed} jobs waits in Redis");
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Queued);
    assert_eq!(store.relay_once().await.unwrap(), 0, "the rest stays where it can be put in order");
}

/// Nobody is woken by a clock here: a ring that comes while a worker looks into its queue is not forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_waits_for_a_clock() {
    const SESSIONS: usize = 8;
    const JOBS: usize = 25;
    let store = TestStore::new().await;
    let (api, host) = tokio::try_join!(
        connect_on_bells(store.settings().clone()),
        connect_on_bells(store.settings().clone())
    )
    .unwrap();
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    api.spawn_relay(shutdown.clone());
    host.spawn_relay(shutdown.clone());
    let runner = runner(&store).await;
    let mut seen = worker(&host, Queue::Runner(runner), shutdown.clone());
    let sessions = (0..SESSIONS).map(|_| ready(&store, learner(), "lab1", runner));
    let sessions = futures::future::join_all(sessions).await;
    let mut asked = HashMap::new();
    for session in &sessions {
        asked.insert(exec(&api, *session).await, *session);
    }
    let mut left = SESSIONS * JOBS;
    while left > 0 {
        let waited = tokio::time::timeout(Duration::from_secs(20), seen.recv()).await;
        let job = waited.unwrap_or_else(|_| panic!("{left} jobs are left, and no bell brings them")).unwrap();
        // Redis may bring it twice.
        let Some(session) = asked.remove(&job) else { continue };
        finish(&host, session, job, runner).await;
        left -= 1;
        if left >= SESSIONS {
            asked.insert(exec(&api, session).await, session);
        }
    }
    assert!(asked.is_empty());
}

async fn finish(store: &Store, session: SessionId, job: JobId, runner: RunnerId) {
    let claim = crate::support::claim(runner);
    let outcome = containrlab_domain::job::JobOutcome::Exited { code: 0, milliseconds: 1 };
    store.execute::<Session>(session.0, crate::support::start(job, &claim), &by()).await.unwrap();
    let finish = SessionCommand::FinishJob { job, lease: claim.lease, outcome };
    store.execute::<Session>(session.0, finish, &by()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_survive_an_emptied_redis() {
    let store = TestStore::new().await;
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(requested(&store, learner(), "lab1").await.1);
    }
    assert_eq!(store.relay_once().await.unwrap(), 5);
    store.empty_redis().await;
    assert_eq!(messages(&store, &Queue::Provision).await, 0);

    store.spawn_relay(shutdown.clone());
    let (between_rounds, queued) = (Duration::from_millis(50), Duration::from_millis(500));
    let pace = Pace { between_rounds, queued, ..Pace::default() };
    store.spawn_reconciler_at(pace, shutdown.clone());
    eventually("all jobs are in Redis again", async || messages(&store, &Queue::Provision).await == 5).await;

    // Emptied once more under a running worker, whose registration goes with it.
    let mut seen = worker(&store, Queue::Provision, shutdown.clone());
    store.empty_redis().await;
    let mut arrived = Vec::new();
    while expected.iter().any(|job| !arrived.contains(job)) {
        let job =
            tokio::time::timeout(Duration::from_secs(30), seen.recv()).await.expect("all arrive").unwrap();
        arrived.push(job);
    }
}

#[tokio::test]
async fn without_redis_a_job_stays_owed_and_the_commit_does_not_wait() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let work = Work::Exec { argv: vec!["true".to_owned()], timeout_seconds: 1 };
    // A name that the queue's scripts cannot use stands for a Redis that refuses.
    let name = containrlab_store::queue::queue_name(&store.settings().namespace, &Queue::Runner(runner));
    let client = redis::Client::open(store.settings().redis_url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SET").arg(format!("{name}:data")).arg("x").query_async::<()>(&mut connection).await.unwrap();
    let job = JobId(Uuid::now_v7());
    store.execute::<Session>(session.0, SessionCommand::RequestJob { job, work }, &by()).await.unwrap();
    let error = store.relay_once().await.unwrap_err();
    assert!(error.to_string().contains("Redis"), "{error}");
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Owed);
    redis::cmd("DEL").arg(format!("{name}:data")).query_async::<()>(&mut connection).await.unwrap();
    assert_eq!(store.relay_once().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_worked_off_is_cleared_from_redis_and_what_waits_is_not() {
    let store = TestStore::new().await;
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let (_, first) = requested(&store, learner(), "lab1").await;
    assert_eq!(store.relay_once().await.unwrap(), 1);
    assert_eq!(store.clear_finished(&Queue::Provision, Duration::ZERO).await.unwrap(), 0);
    let mut seen = worker(&store, Queue::Provision, shutdown.clone());
    assert_eq!(seen.recv().await, Some(first));
    eventually("the worker has said that it is done", async || {
        store.clear_finished(&Queue::Provision, Duration::ZERO).await.unwrap() == 1
    })
    .await;
    let name = containrlab_store::queue::queue_name(&store.settings().namespace, &Queue::Provision);
    let client = redis::Client::open(store.settings().redis_url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let left: usize = redis::cmd("EXISTS")
        .arg(format!("{name}:data"))
        .arg(format!("{name}:done"))
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
}
