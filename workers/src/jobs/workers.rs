//! The workers: apalis takes messages from the queues and hands each to [`work_off`](super::work_off).

use std::sync::Arc;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BoxDynError, Data, WorkerBuilder, WorkerError};
use containrlab_store::queue::{Queue, QueuedJob};
use futures::future::BoxFuture;

use super::{COUNTS, work_off};
use crate::runner::Runner;

/// Sandboxes that are made at once; more would only make each of them slower.
const PROVISIONS: usize = 3;

/// Builds, runs, commands and ends of this runner's sessions at once.
const SESSION_JOBS: usize = 64;

/// The longest pause before a worker is started again.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// A worker that worked this long was fine; its next failure is a new one.
const STEADY: Duration = Duration::from_secs(30);

/// Works off the three queues until the runner drains; returns once no message is taken any more.
pub(crate) async fn run_workers(runner: Arc<Runner>) {
    let queues = [
        (Queue::Provision, PROVISIONS),
        (Queue::Judge, runner.settings.judges.max(1)),
        (Queue::Runner(runner.id), SESSION_JOBS),
    ];
    let workers = queues.map(|(queue, concurrency)| keep_working(Arc::clone(&runner), queue, concurrency));
    futures::future::join_all(workers).await;
}

/// Runs a worker, and a new one whenever it ends with an error. This and not apalis' `Monitor`, which would start the
/// next one at once, thousands of times a second while Redis is away.
async fn keep_working(runner: Arc<Runner>, queue: Queue, concurrency: usize) {
    let mut pause = Duration::from_millis(100);
    while !runner.draining.is_cancelled() {
        let started = tokio::time::Instant::now();
        match run_worker(&runner, &queue, concurrency).await {
            Ok(()) => tracing::debug!(%queue, "a worker has stopped"),
            Err(error) => tracing::warn!(%queue, %error, "a worker failed; another one takes over"),
        }
        if started.elapsed() > STEADY {
            pause = Duration::from_millis(100);
        }
        tokio::select! {
            () = runner.draining.cancelled() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
        }
    }
}

/// A worker that runs until the runner drains or Redis goes away.
fn run_worker(
    runner: &Arc<Runner>,
    queue: &Queue,
    concurrency: usize,
) -> BoxFuture<'static, Result<(), WorkerError>> {
    // A name of its own each time: Redis still knows the one before, and refuses it.
    let worker = WorkerBuilder::new(format!("{queue}-{}", uuid::Uuid::now_v7()))
        .backend(runner.store.worker_backend(queue))
        .data(Arc::clone(runner))
        .concurrency(concurrency)
        .catch_panic()
        .build(take);
    let draining = runner.draining.clone();
    let drained = async move {
        draining.cancelled().await;
        Ok::<(), WorkerError>(())
    };
    Box::pin(worker.run_until(drained))
}

/// Takes one message. What became of the job is in the ledger, so the queue always hears that all is well.
async fn take(message: QueuedJob, runner: Data<Arc<Runner>>) -> Result<(), BoxDynError> {
    let runner = Arc::clone(&runner);
    let job = message.job;
    // As a task of the runner: when Redis goes away, the queue drops this future in the middle of its await.
    let work = runner.work.spawn(work_off(Arc::clone(&runner), job));
    match work.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%job, %error, "a job could not be worked off; it comes again"),
        Err(error) if error.is_panic() => {
            // Its lease runs out; the ledger counts the start, and gives the job up after a few.
            COUNTS.panics.add();
            tracing::error!(%job, "a job panicked; it comes again");
        }
        Err(_) => {}
    }
    Ok(())
}
