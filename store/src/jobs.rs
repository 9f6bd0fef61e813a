//! Jobs: the outbox and the list of what was asked for, in one table.

use std::time::Duration;

use containrlab_domain::ids::{JobId, LearnerId, LeaseId, RecordingId, RunnerId, SessionId};
use containrlab_domain::job::{JobKind, JobOutcome};
use containrlab_domain::session::Work;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::queue::Queue;
use crate::rows::{column, json_or_null, seconds, unsigned_32, word};
use crate::{Store, StoreError};

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobRow {
    /// Which.
    pub job_id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// The queue that brings it to a worker.
    pub queue: Queue,
    /// The stream that it belongs to: a session's, or an attempt's for a judge job.
    pub aggregate_id: Uuid,
    /// The session that it is for.
    pub session_id: SessionId,
    /// Whose session.
    pub learner_id: LearnerId,
    /// What a build, run or command is to do.
    pub work: Option<Work>,
    /// Where it stands.
    pub state: JobRowState,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// How often it was started.
    pub starts: u32,
    /// The newest lease.
    pub lease: Option<LeaseId>,
    /// The runner that holds, or last held, it.
    pub runner_id: Option<RunnerId>,
    /// Its output.
    pub log_id: Option<RecordingId>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// How a build, run or command came out.
    pub outcome: Option<JobOutcome>,
}

/// Where a job stands between the ledger and its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobRowState {
    /// To be pushed to the queue.
    Owed,
    /// Pushed; no worker has it yet.
    Queued,
    /// A worker has it.
    Held,
    /// Over.
    Done,
}

const COLUMNS: &str = "job_id, kind, queue, aggregate_id, session_id, learner_id, work, state, requested_at, \
                       started_at, starts, lease, runner_id, log_id, finished_at, outcome";

impl JobRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            job_id: JobId(column(row, "job_id")?),
            kind: word(row, "kind")?,
            queue: word(row, "queue")?,
            aggregate_id: column(row, "aggregate_id")?,
            session_id: SessionId(column(row, "session_id")?),
            learner_id: LearnerId(column(row, "learner_id")?),
            work: json_or_null(row, "work")?,
            state: word(row, "state")?,
            requested_at: column(row, "requested_at")?,
            started_at: column(row, "started_at")?,
            starts: unsigned_32(row, "starts")?,
            lease: column::<Option<Uuid>>(row, "lease")?.map(LeaseId),
            runner_id: column::<Option<Uuid>>(row, "runner_id")?.map(RunnerId),
            log_id: column::<Option<Uuid>>(row, "log_id")?.map(RecordingId),
            finished_at: column(row, "finished_at")?,
            outcome: json_or_null(row, "outcome")?,
        })
    }
}

impl Store {
    /// The job with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all methods here.
    pub async fn job(&self, job: JobId) -> Result<Option<JobRow>, StoreError> {
        Ok(self.jobs_where("job_id = $1", &[&job.0]).await?.pop())
    }

    /// All jobs of a session, oldest first; those that judge its attempts too.
    ///
    /// # Errors
    /// See [`Store::job`].
    pub async fn jobs_of(&self, session: SessionId) -> Result<Vec<JobRow>, StoreError> {
        self.jobs_where("session_id = $1 order by requested_at, job_id", &[&session.0]).await
    }

    /// A sign of life from the worker that holds a job: its lease runs from now on for `duration` again. `false`
    /// when the lease is lost, because it ran out or the job is over; the worker must stop then.
    ///
    /// # Errors
    /// See [`Store::job`].
    pub async fn extend_lease(
        &self,
        job: JobId,
        lease: LeaseId,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let sql = "update jobs set lease_until = clock_timestamp() + make_interval(secs => $3) \
                   where job_id = $1 and lease = $2 and state = 'held'";
        Ok(self.change_jobs(sql, &[&job.0, &lease.0, &seconds(duration)]).await? > 0)
    }

    /// A worker has no room for a job that it has not started: it is owed again, and pushed no earlier than after
    /// `duration`. Does nothing to a job that somebody holds or that is over.
    ///
    /// # Errors
    /// See [`Store::job`].
    pub async fn put_off(&self, job: JobId, duration: Duration) -> Result<(), StoreError> {
        let sql = "update jobs set state = 'owed', queued_at = null, \
                     available_at = clock_timestamp() + make_interval(secs => $2) \
                   where job_id = $1 and state in ('owed', 'queued')";
        self.change_jobs(sql, &[&job.0, &seconds(duration)]).await?;
        Ok(())
    }

    /// There is room again: what was put off in this queue is pushed now, in the order of the line. Gives the number
    /// of jobs that this concerns.
    ///
    /// # Errors
    /// See [`Store::job`].
    pub async fn release_waiting(&self, queue: &Queue) -> Result<u64, StoreError> {
        let sql = "update jobs set available_at = clock_timestamp() \
                   where queue = $1 and state = 'owed' and available_at > clock_timestamp()";
        let released = self.change_jobs(sql, &[&queue.to_string()]).await?;
        if released > 0 {
            self.live().ring_outbox();
        }
        Ok(released)
    }

    async fn change_jobs(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, parameters).await?)
    }

    async fn jobs_where(
        &self,
        condition: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<JobRow>, StoreError> {
        let client = self.database().await?;
        let statement =
            client.prepare_cached(&format!("select {COLUMNS} from jobs where {condition}")).await?;
        client.query(&statement, parameters).await?.iter().map(JobRow::read).collect()
    }
}
