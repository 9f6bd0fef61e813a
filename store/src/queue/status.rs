//! What an operator wants to know of jobs: what waits, what runs, what was given up.

use containrlab_domain::ids::{JobId, LearnerId, SessionId};
use containrlab_domain::job::{JobKind, MAX_STARTS};
use jiff::Timestamp;
use serde::Serialize;

use super::Queue;
use crate::rows::{column, unsigned, word};
use crate::{Store, StoreError};

/// How many jobs of one queue stand where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueStatus {
    /// Which queue.
    pub queue: Queue,
    /// Not in Redis yet.
    pub owed: u64,
    /// In Redis, or on the way to a worker.
    pub queued: u64,
    /// With a worker.
    pub held: u64,
    /// Age in seconds of the oldest that no worker has begun; 0 when there is none.
    pub oldest_seconds: f64,
}

/// A job that was given up because it never came to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenUp {
    /// Which.
    pub job: JobId,
    /// What it was to do.
    pub kind: JobKind,
    /// For which session.
    pub session: SessionId,
    /// Whose.
    pub learner: LearnerId,
    /// When.
    pub at: Timestamp,
}

const OPEN: &str = "select queue, count(*) filter (where state = 'owed') as owed, \
       count(*) filter (where state = 'queued') as queued, count(*) filter (where state = 'held') as held, \
       coalesce(extract(epoch from clock_timestamp() - min(requested_at) filter (where state <> 'held')), 0)::float8 \
         as oldest \
     from jobs where state <> 'done' group by queue order by queue";

/// Where it says so depends on the kind of job: in its own outcome, in the verdict that it said, or in the session's
/// end.
const GIVEN_UP: &str = "select jobs.job_id, kind, jobs.session_id, jobs.learner_id, finished_at from jobs \
       left join judgements said on said.attempt_id = aggregate_id and (said.job_id = jobs.job_id or (said.job_id is null \
         and not exists (select from judgements again where again.job_id = jobs.job_id))) \
       left join sessions on sessions.session_id = aggregate_id \
     where jobs.state = 'done' and starts >= $1 and finished_at > clock_timestamp() - interval '7 days' \
       and 'worker_crashed' in (outcome ->> 'reason', said.verdict -> 'failures' -> 0 ->> 'code', \
         case kind when 'provision' then end_reason ->> 'cause' end) \
     order by finished_at desc limit $2";

impl Store {
    /// How many open jobs there are in each queue that has any.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn queue_status(&self) -> Result<Vec<QueueStatus>, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(OPEN).await?;
        let rows = client.query(&statement, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(QueueStatus {
                    queue: word(row, "queue")?,
                    owed: unsigned(row, "owed")?,
                    queued: unsigned(row, "queued")?,
                    held: unsigned(row, "held")?,
                    oldest_seconds: column(row, "oldest")?,
                })
            })
            .collect()
    }

    /// The jobs that were given up in the last seven days, newest first, at most so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn given_up(&self, most: u32) -> Result<Vec<GivenUp>, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(GIVEN_UP).await?;
        let rows = client.query(&statement, &[&(MAX_STARTS as i32), &i64::from(most)]).await?;
        rows.iter()
            .map(|row| {
                Ok(GivenUp {
                    job: JobId(column(row, "job_id")?),
                    kind: word(row, "kind")?,
                    session: SessionId(column(row, "session_id")?),
                    learner: LearnerId(column(row, "learner_id")?),
                    at: column(row, "finished_at")?,
                })
            })
            .collect()
    }
}
