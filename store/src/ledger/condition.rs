//! What must still be so when a command's events are appended. A command may have been decided on long ago: its process may
//! have stood still since. So PostgreSQL is asked in the append's own transaction, and its clock decides.

use std::time::Duration;

use containrlab_domain::ids::JobId;
use containrlab_domain::job::JobKind;
use deadpool_postgres::Transaction;
use tokio_postgres::Statement;
use uuid::Uuid;

use crate::StoreError;
use crate::rows::{column, seconds};

/// Something that is true of the stream's rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Condition {
    /// Nobody's lease on this job runs.
    Free(StartOf),
    /// The session's time is up.
    TimeIsUp,
    /// Nothing was heard of the session's runner for so long.
    RunnerIsSilent(Duration),
}

/// Which job a command wants to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOf {
    /// The one with this id.
    Job(JobId),
    /// The only one of this kind that the aggregate has.
    Only(JobKind),
}

/// The row stays locked, so that the answer remains true until the commit; so in all of them.
const FREE: &str = "select coalesce(lease_until <= clock_timestamp(), true) as holds from jobs \
     where state = 'held' and (job_id = $2 or (aggregate_id = $1 and kind = $3)) for update";

const TIME_IS_UP: &str =
    "select expires_at <= clock_timestamp() as holds from sessions where session_id = $1 for update";

/// A runner speaks every few seconds and must not wait for this: its row is only read.
pub(crate) const RUNNER_IS_SILENT: &str = "coalesce(heartbeat_at, ready_at, requested_at) \
     < clock_timestamp() - make_interval(secs => $2)";

impl Condition {
    /// Prepared before anything is sent, so that the question goes with the append's other statements.
    pub(super) async fn prepare(self, transaction: &Transaction<'_>) -> Result<Question, StoreError> {
        let silent = format!(
            "select {RUNNER_IS_SILENT} as holds from sessions left join runners using (runner_id) \
             where session_id = $1 for update of sessions"
        );
        let sql: &str = match self {
            Self::Free(_) => FREE,
            Self::TimeIsUp => TIME_IS_UP,
            Self::RunnerIsSilent(_) => &silent,
        };
        Ok(Question { condition: self, statement: transaction.prepare_cached(sql).await? })
    }
}

/// A condition that can be asked for.
pub(super) struct Question {
    condition: Condition,
    statement: Statement,
}

impl Question {
    /// Whether it is so for the stream with this id.
    pub(super) async fn holds(&self, transaction: &Transaction<'_>, id: Uuid) -> Result<bool, StoreError> {
        let statement = &self.statement;
        let rows = match self.condition {
            Condition::Free(start) => {
                let (job, kind) = match start {
                    StartOf::Job(job) => (Some(job.0), None),
                    StartOf::Only(kind) => (None, Some(kind.as_str())),
                };
                transaction.query(statement, &[&id, &job, &kind]).await?
            }
            Condition::TimeIsUp => transaction.query(statement, &[&id]).await?,
            Condition::RunnerIsSilent(for_so_long) => {
                transaction.query(statement, &[&id, &seconds(for_so_long)]).await?
            }
        };
        for row in rows {
            if column::<Option<bool>>(&row, "holds")? != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
