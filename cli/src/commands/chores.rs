//! What every long-running process does on the side: it carries owed jobs to Redis, and brings back what got lost.

use containrlab_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The relay and the reconciler. Each api and each runner runs both, so that neither is missed when a process is away; among
/// several, the database decides who does what.
#[derive(Debug)]
pub(super) struct Chores([JoinHandle<()>; 2]);

impl Chores {
    pub(super) fn start(store: &Store, shutdown: &CancellationToken) -> Self {
        Self([store.spawn_relay(shutdown.clone()), store.spawn_reconciler(shutdown.clone())])
    }

    /// Waits until both have ended, after the shutdown.
    pub(super) async fn ended(self) {
        for chore in self.0 {
            if let Err(error) = chore.await {
                tracing::error!(%error, "the relay or the reconciler broke off");
            }
        }
    }
}
