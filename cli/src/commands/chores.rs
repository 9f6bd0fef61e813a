//! What every long-running process does on the side: it carries owed jobs to Redis, brings back what got lost, and counts
//! what happens.

use containrlab_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The relay, the reconciler and the projector. Each api and each runner runs all, so that none is missed when a process is
/// away; among several, the database decides who does what.
#[derive(Debug)]
pub(super) struct Chores([JoinHandle<()>; 3]);

impl Chores {
    pub(super) fn start(store: &Store, shutdown: &CancellationToken) -> Self {
        Self([
            store.spawn_relay(shutdown.clone()),
            store.spawn_reconciler(shutdown.clone()),
            store.spawn_projector(shutdown.clone()),
        ])
    }

    /// Waits until all have ended, after the shutdown.
    pub(super) async fn ended(self) {
        for chore in self.0 {
            if let Err(error) = chore.await {
                tracing::error!(%error, "the relay, the reconciler or the projector broke off");
            }
        }
    }
}
