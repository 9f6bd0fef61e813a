//! Jobs: what the ledger owes and this runner works off.
//!
//! ```text
//! Redis {job id} ─► read the job ─► …Start {claim} ─► act, while a heartbeat keeps the lease ─► outcome {lease}
//!                        │ over, held        │ refused             │ lease lost: let go
//!                        └───────────────────┴──► dropped quietly, and counted
//! ```
//!
//! # Architecture invariant
//!
//! A handler does nothing before its start is in the ledger, and does it so that a second start does no harm: what an
//! earlier start left half done is found by the session's label and removed first. Its work runs as a task of the
//! runner, not of the queue: a broken connection to Redis ends the queue's future, not the work.

mod build;
mod count;
mod end;
mod exec;
mod frame;
mod judge;
mod lease;
mod log;
mod provision;
mod run;
mod session_job;
mod workers;

use std::sync::Arc;

use containrlab_domain::ids::JobId;
use containrlab_domain::job::JobKind;
use containrlab_store::JobRowState;

pub(crate) use build::request;
pub(crate) use count::COUNTS;
pub(crate) use end::keep_files;
pub use log::Ear;
pub(crate) use log::{LogWriter, Tail, run_and_only_hear, run_quietly};
pub(crate) use workers::run_workers;

use crate::error::Error;
use crate::runner::Runner;

/// Works one job off. An error means that nothing was recorded: the reconciler pushes the job again.
pub(crate) async fn work_off(runner: Arc<Runner>, id: JobId) -> Result<(), Error> {
    let Some(row) = runner.store.job(id).await? else {
        // Somebody else's message, or one that is older than the database.
        COUNTS.unknown.add();
        return Ok(());
    };
    if matches!(row.state, JobRowState::Held | JobRowState::Done) || runner.draining.is_cancelled() {
        COUNTS.repeated.add();
        return Ok(());
    }
    match row.kind {
        JobKind::Provision => provision::work(runner, row).await,
        JobKind::Build | JobKind::Run | JobKind::Exec => session_job::work(runner, row).await,
        JobKind::Judge => judge::work(runner, row).await,
        JobKind::End => end::work(runner, row).await,
    }
}
