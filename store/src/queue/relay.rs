//! The relay: pushes owed jobs to Redis, in bounded portions, fairly over learners.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::ids::JobId;
use futures::future::try_join;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[cfg(doc)]
use super::priority;
use super::{MOST_QUEUED, MOST_QUEUED_OF_WHAT_CAN_WAIT, MOST_QUEUED_PER_LEARNER, Queue, QueuedJob};
use crate::rows::{column, word};
use crate::{Store, StoreError, faults};

/// Jobs that one round pushes at most: the round's transaction stays short.
const PORTION: i64 = 200;

/// What [`TAKE`] is told.
const SHARES: [&(dyn ToSql + Sync); 4] =
    [&MOST_QUEUED_PER_LEARNER, &MOST_QUEUED, &PORTION, &MOST_QUEUED_OF_WHAT_CAN_WAIT];

/// Wait after a failed round.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// Takes what is to be pushed now, and marks it so; the best of it: priority, then everybody's first job before anybody's second, then
/// age. What waits in Redis already counts towards a learner's and a queue's share. Redis keeps the order in which it
/// was told, so of work that can wait hardly any may stand there: whoever comes after it comes soon. Other relays'
/// rows are skipped.
///
/// Where there is no room, a backlog is not even ranked. `priority > 10`: what can wait, see [`priority::LEARNER_WAITS`].
const TAKE: &str = "with waiting as materialized ( \
       select queue, learner_id, priority > 10 as can_wait, count(*) as n from jobs where state = 'queued' \
       group by queue, learner_id, priority > 10), \
     taken as materialized (select queue, can_wait, sum(n)::bigint as n from waiting group by queue, can_wait), \
     numbered as ( \
       select job_id, queue, learner_id, priority, priority > 10 as can_wait, requested_at, row_number() over ( \
           partition by queue, learner_id, priority > 10 order by priority, requested_at, job_id) as nth \
       from jobs where state = 'owed' and available_at <= statement_timestamp() \
         and queue || (priority > 10) <> all (array( \
           select queue || can_wait from taken where n >= case when can_wait then $4::bigint else $2::bigint end))), \
     ranked as ( \
       select job_id, queue, priority, can_wait, requested_at, coalesce(waiting.n, 0) + nth as turn \
       from numbered left join waiting using (queue, learner_id, can_wait) where nth <= $1::bigint), \
     placed as ( \
       select job_id, priority, can_wait, turn, requested_at, coalesce(taken.n, 0) + row_number() over ( \
           partition by queue, can_wait order by priority, turn, requested_at, job_id) as place \
       from ranked left join taken using (queue, can_wait) where turn <= $1::bigint), \
     best as materialized ( \
       select jobs.job_id, placed.priority, turn, placed.requested_at from jobs join placed using (job_id) \
       where jobs.state = 'owed' and place <= case when can_wait then $4::bigint else $2::bigint end \
       order by placed.priority, turn, placed.requested_at, job_id limit $3 \
       for update of jobs skip locked) \
     update jobs set state = 'queued', queued_at = clock_timestamp(), push_id = replace(gen_random_uuid()::text, '-', '') \
     from best where jobs.job_id = best.job_id \
     returning jobs.job_id, queue, push_id, best.priority, turn, best.requested_at";

/// What apalis' own push does, but for its time: that would hold a message back until the clock of whoever takes it has
/// reached the clock of whoever pushed it. Here it is at the end of the line at once, and the
/// bell rings with it.
const PUSH: &str = "for i = 2, #ARGV, 2 do \
       redis.call('hset', KEYS[1], ARGV[i], ARGV[i + 1]) \
       redis.call('hset', KEYS[2] .. ':' .. ARGV[i], 'attempts', 0, 'max_attempts', 25, 'status', 'Pending') \
       redis.call('rpush', KEYS[3], ARGV[i]) \
     end \
     redis.call('publish', KEYS[4], ARGV[1])";

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
        // Sent together. What this transaction says can be found out again, so its commit need not wait for the disk.
        let hurry = transaction.batch_execute("set local synchronous_commit = off");
        let ((), rows) = try_join(hurry, transaction.query(&take, &SHARES)).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut jobs: Vec<OwedJob> = rows.iter().map(OwedJob::read).collect::<Result<_, _>>()?;
        jobs.sort_unstable_by_key(|owed| owed.place);
        faults::point("relay_marked");
        self.push(&jobs).await?;
        faults::point("relay_pushed");
        transaction.commit().await?;
        faults::point("relay_committed");
        Ok(jobs.len())
    }

    /// How PostgreSQL goes about a round, in its own words. Nothing is pushed.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be asked.
    #[cfg(feature = "testing")]
    pub async fn relay_plan(&self) -> Result<String, StoreError> {
        let mut client = self.database().await?;
        let transaction = client.transaction().await?;
        let rows = transaction.query(&format!("explain (analyze, buffers) {TAKE}"), &SHARES).await?;
        transaction.rollback().await?;
        let lines: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(lines.join("\n"))
    }

    async fn push(&self, jobs: &[OwedJob]) -> Result<(), StoreError> {
        let mut by_queue: BTreeMap<String, Vec<&OwedJob>> = BTreeMap::new();
        for owed in jobs {
            by_queue.entry(owed.queue.to_string()).or_default().push(owed);
        }
        for owed in by_queue.values() {
            let queue = owed[0].queue;
            let config = self.queue_config(&queue);
            let script = redis::Script::new(PUSH);
            let mut push = script.key(config.job_data_hash());
            let (channel, process) = self.live().queue_bell(&queue);
            push.key(config.job_meta_hash()).key(config.active_jobs_list()).key(channel).arg(process);
            for owed in owed {
                push.arg(&owed.push_id).arg(owed.message()?);
            }
            push.invoke_async::<()>(&mut self.redis()).await?;
            self.live().ring_queue_here(&queue);
        }
        Ok(())
    }
}

struct OwedJob {
    job: JobId,
    queue: Queue,
    push_id: String,
    /// Before which others: priority, turn, age, and something that decides in any case.
    place: (i16, i64, Timestamp, Uuid),
}

impl OwedJob {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let job: Uuid = column(row, "job_id")?;
        Ok(Self {
            job: JobId(job),
            queue: word(row, "queue")?,
            push_id: column(row, "push_id")?,
            place: (column(row, "priority")?, column(row, "turn")?, column(row, "requested_at")?, job),
        })
    }

    fn message(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&QueuedJob { job: self.job })
            .map_err(|error| StoreError::damaged("a job's message", error))
    }
}
