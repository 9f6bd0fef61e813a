//! The runner's working life: everything that runs beside one another, and the order in which it ends.

use std::sync::Arc;

use containrlab_store::queue::Queue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Runner, deaths, disk, pool, reaper, troubles};
use crate::gateway;
use crate::jobs::run_workers;

impl Runner {
    /// Works until `shutdown`, then finishes what runs, for as long as the settings give it.
    pub(crate) async fn work_until(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let gateway = tokio::spawn(gateway::serve(Arc::clone(&self), listener));
        let workers = tokio::spawn(run_workers(Arc::clone(&self)));
        let aside = [
            tokio::spawn(deaths::run(Arc::clone(&self))),
            tokio::spawn(troubles::run(Arc::clone(&self))),
            tokio::spawn(disk::run(Arc::clone(&self))),
            tokio::spawn(reaper::run(Arc::clone(&self))),
            tokio::spawn(pool::run(Arc::clone(&self))),
            tokio::spawn(tell_of_room(Arc::clone(&self))),
        ];

        shutdown.cancelled().await;
        tracing::info!("the runner stops: it takes no more jobs and finishes what runs");
        self.draining.cancel();
        self.work.close();
        let grace = self.settings.shutdown_grace;
        if tokio::time::timeout(grace, self.work.wait()).await.is_err() {
            tracing::warn!(?grace, "jobs still run; they are let go and start again with the next runner");
        }
        self.hard_stop.cancel();
        self.work.wait().await;
        // What is in memory goes to the store; sandboxes and shells live on.
        futures::future::join_all(self.all_held().iter().map(|held| held.rest())).await;
        for task in aside.into_iter().chain([gateway, workers]) {
            task.abort();
        }
    }
}

/// Lets waiting sessions in whenever a place comes free, and at the start.
async fn tell_of_room(runner: Arc<Runner>) {
    loop {
        if runner.has_room()
            && let Err(error) = runner.store.release_waiting(&Queue::Provision).await
        {
            tracing::warn!(%error, "sessions that wait were not told of room; they look again by themselves");
        }
        tokio::select! {
            () = runner.draining.cancelled() => return,
            () = runner.room.freed() => {}
        }
    }
}
