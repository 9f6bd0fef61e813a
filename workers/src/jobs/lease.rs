//! A lease: this process' right to work on a job and to record its outcome.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::ids::{JobId, LeaseId};
use containrlab_store::LEASE;
use containrlab_store::faults::hastened;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::COUNTS;
use crate::runner::{OwnedLease, Runner};

/// Between two signs of life to the store; three may get lost.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A lease that is kept alive until it is dropped.
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    /// Which start of the job this is, counted from 1.
    pub(crate) start_number: u32,
    lost: CancellationToken,
    _keeper: AbortOnDropHandle<()>,
    _owned: OwnedLease,
}

/// Why work was let go before it came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// Somebody else may hold the job by now.
    LeaseLost,
    /// Whoever asked for it no longer wants it.
    Unwanted,
    /// The runner's time to stop is over.
    RunnerStops,
}

impl Lease {
    /// Keeps a lease that the ledger just gave.
    pub(crate) fn keep(
        runner: &Arc<Runner>,
        job: JobId,
        id: LeaseId,
        start_number: u32,
        owned: OwnedLease,
    ) -> Self {
        let lost = CancellationToken::new();
        let keeper = tokio::spawn(keep(Arc::clone(runner), job, id, lost.clone()));
        Self { id, start_number, lost, _keeper: AbortOnDropHandle::new(keeper), _owned: owned }
    }

    /// Works, for as long as the lease holds, the work is wanted and the runner has time.
    pub(crate) async fn hold<T>(
        &self,
        runner: &Runner,
        unwanted: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Result<T, LetGo> {
        tokio::select! {
            biased;
            () = self.lost.cancelled() => Err(LetGo::LeaseLost),
            () = unwanted.cancelled() => Err(LetGo::Unwanted),
            () = runner.hard_stop.cancelled() => Err(LetGo::RunnerStops),
            done = work => Ok(done),
        }
    }

    /// Waits until the lease is lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

async fn keep(runner: Arc<Runner>, job: JobId, lease: LeaseId, lost: CancellationToken) {
    loop {
        tokio::time::sleep(hastened(HEARTBEAT)).await;
        match runner.store.extend_lease(job, lease, hastened(LEASE)).await {
            Ok(true) => {}
            Ok(false) => {
                COUNTS.lost_leases.add();
                tracing::warn!(%job, %lease, "the lease is lost; letting go of the job");
                lost.cancel();
                return;
            }
            // Not lost until the store says so: nobody else can take the job while the store is away.
            Err(error) => tracing::warn!(%job, %error, "the lease could not be kept alive; trying again"),
        }
    }
}
