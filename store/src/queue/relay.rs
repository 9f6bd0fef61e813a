//! The relay: pushes owed jobs to Redis, in bounded portions, fairly over learners.

use std::collections::BTreeMap;
use std::time::Duration;

use apalis::prelude::{TaskBuilder, TaskId};
use apalis_redis::queries::push_tasks;
use containrlab_domain::ids::JobId;
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{MOST_QUEUED, MOST_QUEUED_PER_LEARNER, Queue, QueuedJob};
use crate::rows::{column, word};
use crate::{Store, StoreError, faults};

/// Jobs that one round pushes at most: the round's transaction stays short.
const PORTION: i64 = 200;

/// Wait after a failed round.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// Takes what is to be pushed now, best first: priority, then everybody's first job before anybody's second, then
/// age. What waits in Redis already counts towards a learner's and a queue's share. Other relays' rows are skipped.
const TAKE: &str = "with queued as ( \
       select queue, learner_id, count(*) as n from jobs where state = 'queued' group by queue, learner_id), \
     ranked as ( \
       select job_id, owed.queue, priority, requested_at, coalesce(queued.n, 0) + row_number() over ( \
           partition by owed.queue, owed.learner_id order by priority, requested_at, job_id) as turn \
       from jobs owed left join queued using (queue, learner_id) \
       where state = 'owed' and available_at <= clock_timestamp()), \
     placed as ( \
       select job_id, priority, turn, requested_at, \
         row_number() over (partition by queue order by priority, turn, requested_at, job_id) \
         + coalesce((select sum(n)::bigint from queued where queued.queue = ranked.queue), 0) as place \
       from ranked where turn <= $1) \
     select jobs.job_id, jobs.queue from jobs join placed using (job_id) \
     where jobs.state = 'owed' and place <= $2 \
     order by placed.priority, turn, placed.requested_at, job_id limit $3 \
     for update of jobs skip locked";

const MARK: &str = "update jobs set state = 'queued', queued_at = clock_timestamp(), push_id = pushed.push_id \
     from unnest($1::uuid[], $2::text[]) as pushed (job_id, push_id) where jobs.job_id = pushed.job_id";

impl Store {
    /// Pushes owed jobs until told to stop: at once after a commit of any process, and every second anyway.
    pub fn spawn_relay(&self, shutdown: CancellationToken) -> JoinHandle<()> {
        let store = self.clone();
        tokio::spawn(async move {
            shutdown.run_until_cancelled(store.relay_for_ever()).await;
        })
    }

    async fn relay_for_ever(&self) {
        let mut bell = self.live().outbox();
        let mut well = true;
        loop {
            match self.relay_once().await {
                Ok(pushed) => {
                    well = true;
                    // A full portion: there may be more.
                    if pushed < PORTION as usize {
                        bell.rung().await;
                    }
                }
                Err(error) => {
                    if std::mem::replace(&mut well, false) {
                        tracing::warn!(%error, "the relay cannot push jobs; it keeps trying");
                    }
                    tokio::time::sleep(AFTER_TROUBLE).await;
                }
            }
        }
    }

    /// One round of the relay; gives the number of jobs pushed.
    ///
    /// Redis is told before the commit: a crash in between pushes a job twice, which does no harm, where the other
    /// order could push it never.
    ///
    /// # Errors
    /// [`StoreError`]; what was not pushed stays owed.
    pub async fn relay_once(&self) -> Result<usize, StoreError> {
        let mut client = self.database().await?;
        let transaction = client.transaction().await?;
        let take = transaction.prepare_cached(TAKE).await?;
        let rows = transaction.query(&take, &[&MOST_QUEUED_PER_LEARNER, &MOST_QUEUED, &PORTION]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let jobs: Vec<OwedJob> = rows.iter().map(OwedJob::read).collect::<Result<_, _>>()?;
        let mark = transaction.prepare_cached(MARK).await?;
        let ids: Vec<Uuid> = jobs.iter().map(|owed| owed.job.0).collect();
        let pushes: Vec<&str> = jobs.iter().map(|owed| owed.push_id.as_str()).collect();
        transaction.execute(&mark, &[&ids, &pushes]).await?;
        // What this transaction says can be found out again, so its commit need not wait for the disk.
        transaction.batch_execute("set local synchronous_commit = off").await?;
        faults::point("relay_marked");
        self.push(&jobs).await?;
        faults::point("relay_pushed");
        transaction.commit().await?;
        faults::point("relay_committed");
        Ok(jobs.len())
    }

    async fn push(&self, jobs: &[OwedJob]) -> Result<(), StoreError> {
        let mut by_queue: BTreeMap<String, Vec<&OwedJob>> = BTreeMap::new();
        for owed in jobs {
            by_queue.entry(owed.queue.to_string()).or_default().push(owed);
        }
        for owed in by_queue.values() {
            let queue = owed[0].queue;
            let tasks: Vec<_> = owed.iter().map(|owed| owed.task()).collect::<Result<_, _>>()?;
            push_tasks(&mut self.redis(), &self.queue_config(&queue), &tasks).await?;
            self.live().ring_queue(&queue);
        }
        Ok(())
    }
}

struct OwedJob {
    job: JobId,
    queue: Queue,
    /// Ascending, since within a second the queue hands out messages in the order of their ids.
    push_id: String,
}

impl OwedJob {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            job: JobId(column(row, "job_id")?),
            queue: word(row, "queue")?,
            push_id: Uuid::now_v7().simple().to_string(),
        })
    }

    fn task(&self) -> Result<apalis_redis::RedisTask, StoreError> {
        let message = serde_json::to_vec(&QueuedJob { job: self.job })
            .map_err(|error| StoreError::damaged("a job's message", error))?;
        Ok(TaskBuilder::new(message).task_id(TaskId::from_string(&self.push_id)).build())
    }
}
