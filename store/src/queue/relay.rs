//! The relay: pushes owed jobs to Redis, in bounded portions, fairly over learners.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::ids::JobId;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{MOST_QUEUED, MOST_QUEUED_OF_WHAT_CAN_WAIT, MOST_QUEUED_PER_LEARNER, Queue, QueuedJob};
use crate::round::{Next, Round, rounds};
use crate::rows::{column, word};
use crate::{Store, StoreError, faults};

/// Jobs that one round pushes at most: the round's transaction stays short.
const PORTION: i64 = 200;

/// What [`TAKE`] is told.
const SHARES: [&(dyn ToSql + Sync); 4] =
    [&MOST_QUEUED_PER_LEARNER, &MOST_QUEUED, &PORTION, &MOST_QUEUED_OF_WHAT_CAN_WAIT];

/// From when on a relay that says nothing loses what it has taken: longer than Redis may take for an answer.
const SILENCE: Duration = Duration::from_secs(3);

/// Takes what is to be pushed now, and marks it so; the best of it: priority, then everybody's first job before anybody's second, then
/// age. What waits in Redis already counts towards a learner's and a queue's share. Redis keeps the order in which it
/// was told, so of work that can wait hardly any may stand there: whoever comes after it comes soon. Other relays'
/// rows are skipped.
///
/// A round must not cost more the more is owed. So it goes from queue to queue and from learner to learner by the index, and
/// looks at the first few jobs of each; a queue that owes much is only looked at when there is room for a whole portion:
/// until then its workers have enough.
const TAKE: &str = "with recursive queues as ( \
       (select queue, can_wait from jobs where state = 'owed' order by queue, can_wait limit 1) \
       union all \
       select next.queue, next.can_wait from queues cross join lateral ( \
         select queue, can_wait from jobs where state = 'owed' and (queue, can_wait) > (queues.queue, queues.can_wait) \
         order by queue, can_wait limit 1) as next), \
     rooms as materialized ( \
       select queue, can_wait, share - taken as room from queues \
       cross join lateral (select case when can_wait then $4::bigint else $2::bigint end as share) as shares \
       cross join lateral ( \
         select count(*) as taken from jobs where state = 'queued' \
           and jobs.queue = queues.queue and jobs.can_wait = queues.can_wait) as in_redis \
       cross join lateral ( \
         select count(*) as owed from ( \
           select from jobs where state = 'owed' and jobs.queue = queues.queue and jobs.can_wait = queues.can_wait \
             and available_at <= statement_timestamp() \
           order by queue, can_wait, available_at limit $3::bigint + 1) as first_few) as ready \
       where share > taken and owed > 0 \
         and (owed <= $3::bigint or share - taken >= least($3::bigint, (share + 1) / 2))), \
     learners as ( \
       select rooms.*, first.learner_id from rooms cross join lateral ( \
         select learner_id from jobs where state = 'owed' and jobs.queue = rooms.queue and jobs.can_wait = rooms.can_wait \
         order by queue, can_wait, learner_id limit 1) as first \
       union all \
       select learners.queue, learners.can_wait, room, next.learner_id from learners cross join lateral ( \
         select learner_id from jobs where state = 'owed' and jobs.queue = learners.queue \
           and jobs.can_wait = learners.can_wait and jobs.learner_id > learners.learner_id \
         order by queue, can_wait, learner_id limit 1) as next), \
     ranked as ( \
       select queue, can_wait, room, own.*, n + nth as turn from learners \
       cross join lateral ( \
         select count(*) as n from jobs where state = 'queued' and jobs.queue = learners.queue \
           and jobs.can_wait = learners.can_wait and jobs.learner_id = learners.learner_id) as waiting \
       cross join lateral ( \
         select job_id, priority, requested_at, row_number() over (order by priority, requested_at, job_id) as nth \
         from jobs where state = 'owed' and available_at <= statement_timestamp() \
           and jobs.queue = learners.queue and jobs.can_wait = learners.can_wait \
           and jobs.learner_id = learners.learner_id and n < $1::bigint \
         order by priority, requested_at, job_id limit $1::bigint) as own), \
     placed as ( \
       select job_id, priority, turn, requested_at, room, row_number() over ( \
           partition by queue, can_wait order by priority, turn, requested_at, job_id) as place \
       from ranked where turn <= $1::bigint), \
     best as materialized ( \
       select jobs.job_id, placed.priority, turn, placed.requested_at from jobs join placed using (job_id) \
       where jobs.state = 'owed' and place <= room \
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
    /// Pushes owed jobs until told to stop: at once after a commit of this process, or of another that does not relay by
    /// itself, and every second anyway.
    pub fn spawn_relay(&self, shutdown: CancellationToken) -> JoinHandle<()> {
        let store = self.clone();
        tokio::spawn(async move {
            shutdown.run_until_cancelled(store.relay_for_ever()).await;
        })
    }

    async fn relay_for_ever(&self) {
        let round = || async {
            let pushed = self.relay_once().await?;
            // A full portion: there may be more.
            Ok::<_, StoreError>(if pushed < PORTION as usize { Next::Rung } else { Next::Now })
        };
        rounds(self.live().outbox(), "the relay cannot push jobs", round).await;
    }

    /// One round of the relay; gives the number of jobs pushed.
    ///
    /// Redis is told before the commit: a crash in between pushes a job twice, which does no harm, where the other
    /// order could push it never.
    ///
    /// # Errors
    /// [`StoreError`]; what was not pushed stays owed.
    pub async fn relay_once(&self) -> Result<usize, StoreError> {
        let client = self.relay_database().await?;
        let take = client.prepare_cached(TAKE).await?;
        let (round, rows) = Round::begin(client, SILENCE, &take, &SHARES).await?;
        if rows.is_empty() {
            round.roll_back().await?;
            return Ok(0);
        }
        let mut jobs: Vec<OwedJob> = rows.iter().map(OwedJob::read).collect::<Result<_, _>>()?;
        jobs.sort_unstable_by_key(|owed| owed.place);
        faults::point("relay_marked");
        if let Err(error) = self.push(&jobs).await {
            round.roll_back().await?;
            return Err(error);
        }
        faults::point("relay_pushed");
        round.commit().await?;
        faults::point("relay_committed");
        Ok(jobs.len())
    }

    /// How PostgreSQL goes about a round, in its own words. Nothing is pushed.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be asked.
    #[cfg(feature = "testing")]
    pub async fn relay_plan(&self) -> Result<String, StoreError> {
        let mut client = self.relay_database().await?;
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
