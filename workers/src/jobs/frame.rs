//! What all jobs have in common: the claim before, and the outcome after.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::attempt::AttemptEvent;
use containrlab_domain::ids::LeaseId;
use containrlab_domain::job::Claim;
use containrlab_domain::session::SessionEvent;
use containrlab_store::{CommandError, JobRow, Recorded, faults};
use uuid::Uuid;

use super::COUNTS;
use super::lease::Lease;
use crate::error::Error;
use crate::runner::{Runner, by_runner};

/// Between two tries to record an outcome: once the store is back, whoever has held it that long does not wait much longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An event that may be the start of a job.
pub(super) trait MayStart {
    /// Which start of a job this event is, counted from 1; `None` when it is something else.
    fn start_number(&self) -> Option<u32>;
}

impl MayStart for SessionEvent {
    fn start_number(&self) -> Option<u32> {
        match self {
            Self::ProvisioningStarted { start_number, .. }
            | Self::JobStarted { start_number, .. }
            | Self::EndingStarted { start_number, .. } => Some(*start_number),
            _ => None,
        }
    }
}

impl MayStart for AttemptEvent {
    fn start_number(&self) -> Option<u32> {
        match self {
            Self::JudgingStarted { start_number, .. } | Self::RejudgingStarted { start_number, .. } => {
                Some(*start_number)
            }
            _ => None,
        }
    }
}

/// Records that this worker starts the job. `None`: the ledger says no, or gave the job up; there is nothing to do.
pub(super) async fn start<A>(
    runner: &Arc<Runner>,
    row: &JobRow,
    command: impl FnOnce(Claim) -> A::Command,
) -> Result<Option<Lease>, Error>
where
    A: Recorded,
    A::Event: MayStart,
    Error: From<CommandError<A::Error>>,
{
    let lease = LeaseId(Uuid::now_v7());
    // Owned before it is in the ledger: what is made under it must at no moment look as if nobody owned it.
    let owned = runner.own(lease);
    let command = command(Claim { lease, runner: runner.id });
    match runner.store.execute::<A>(row.aggregate_id, command, &by_runner()).await {
        Ok(committed) => {
            faults::point("started");
            let started = committed.events.iter().find_map(|event| event.payload.start_number());
            Ok(started.map(|number| Lease::keep(runner, row.job_id, lease, number, owned)))
        }
        Err(CommandError::Refused(refusal)) => {
            COUNTS.refused_starts.add();
            tracing::debug!(job = %row.job_id, %refusal, "the start was refused");
            Ok(None)
        }
        Err(CommandError::StillHeld) => {
            COUNTS.repeated.add();
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Records an outcome, for as long as it takes the store to be there. `false`: the ledger refused it, or the runner
/// had to stop.
pub(super) async fn record<A: Recorded>(
    runner: &Runner,
    lease: &Lease,
    id: Uuid,
    command: A::Command,
) -> bool {
    let mut pause = Duration::from_millis(100);
    let by = by_runner();
    faults::point("acted");
    loop {
        match runner.store.execute::<A>(id, command.clone(), &by).await {
            Ok(_) => {
                faults::point("recorded");
                return true;
            }
            Err(CommandError::Refused(refusal)) => {
                COUNTS.refused_outcomes.add();
                tracing::info!(%id, %refusal, "an outcome came too late");
                return false;
            }
            Err(error) => tracing::warn!(%id, %error, "an outcome waits for the store"),
        }
        tokio::select! {
            () = lease.lost() => return false,
            () = runner.hard_stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}
