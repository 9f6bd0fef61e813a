//! Messages in Redis: those that got lost on their way are sent again, those that are of no more use are removed.

use std::collections::BTreeMap;
use std::time::Duration;

use apalis_redis::Config;
use uuid::Uuid;

use crate::queue::{FORGOTTEN, Queue};
use crate::rows::{column, seconds};
use crate::{Store, StoreError};

/// Age from which finished messages are cleared.
const FINISHED: Duration = Duration::from_secs(60);

/// From when on a message that a worker took and never acknowledged is of no use, since another one has been sent.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// In a message's description: when, by Redis' clock, it was first seen that a worker had taken it.
const SEEN_TAKEN: &str = "seen_taken";

/// Whether each message is still on its way: in the line, or taken by a worker who has had no time yet to say in the
/// ledger that it begins. A worker that took it and died says nothing ever, and one that let go of it has said so here.
const LOOK: &str = "local time = redis.call('time') \
     local now = time[1] + time[2] / 1000000 \
     local line = {} \
     for _, id in ipairs(redis.call('lrange', KEYS[1], 0, -1)) do line[id] = true end \
     local found = {} \
     for i = 3, #ARGV do \
       local message = KEYS[2] .. ':' .. ARGV[i] \
       local there = line[ARGV[i]] \
       if not there and redis.call('hget', message, 'status') == 'Pending' then \
         redis.call('hsetnx', message, ARGV[1], string.format('%.6f', now)) \
         there = now - redis.call('hget', message, ARGV[1]) < tonumber(ARGV[2]) \
       end \
       found[i - 2] = there and 1 or 0 \
     end \
     return found";

impl Store {
    /// Jobs that were pushed, that nobody has started, and that Redis no longer has for anybody: owed again.
    pub(super) async fn owe_lost(&self, patience: Duration) -> Result<usize, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select job_id, queue, push_id, clock_timestamp() - queued_at > 60 * make_interval(secs => $1) as long \
                 from jobs where state = 'queued' and queued_at < clock_timestamp() - make_interval(secs => $1)",
            )
            .await?;
        let rows = client.query(&statement, &[&seconds(patience)]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut by_queue: BTreeMap<String, Vec<(Uuid, String, bool)>> = BTreeMap::new();
        for row in &rows {
            let push_id = column::<Option<String>>(row, "push_id")?.unwrap_or_default();
            let pushed = (column(row, "job_id")?, push_id, column(row, "long")?);
            by_queue.entry(column(row, "queue")?).or_default().push(pushed);
        }
        let (mut lost, mut pushes) = (Vec::new(), Vec::new());
        for (queue, jobs) in by_queue {
            let found = self.look_for(&queue, &jobs, patience).await?;
            // Only a fault of the queue's own keeps a message for so long. A second one in its place does no harm.
            let gone = jobs.into_iter().zip(found).filter(|((_, _, long), is_there)| *long || !is_there);
            for ((job, push_id, _), _) in gone {
                lost.push(job);
                pushes.push(push_id);
            }
        }
        if lost.is_empty() {
            return Ok(0);
        }
        let statement = client
            .prepare_cached(
                "update jobs set state = 'owed', available_at = clock_timestamp(), queued_at = null \
                 where job_id in (select job_id from jobs \
                     join unnest($1::uuid[], $2::text[]) as lost (job_id, push_id) using (job_id, push_id) \
                     where state = 'queued' for update of jobs skip locked)",
            )
            .await?;
        let owed = client.execute(&statement, &[&lost, &pushes]).await? as usize;
        tracing::warn!(owed, "Redis lost jobs; they are owed again");
        self.live().ring_outbox();
        Ok(owed)
    }

    /// Whether each of these messages is still on its way.
    async fn look_for(
        &self,
        queue: &str,
        jobs: &[(Uuid, String, bool)],
        patience: Duration,
    ) -> Result<Vec<bool>, StoreError> {
        let queue: Queue = queue.parse().map_err(|error| StoreError::damaged("a job's queue", error))?;
        let config = self.queue_config(&queue);
        let script = redis::Script::new(LOOK);
        let mut look = script.key(config.active_jobs_list());
        look.key(config.job_meta_hash()).arg(SEEN_TAKEN).arg(patience.as_secs_f64());
        for (_, push_id, _) in jobs {
            look.arg(push_id);
        }
        Ok(look.invoke_async(&mut self.redis()).await?)
    }

    /// Messages that were worked off stay in Redis until somebody clears them.
    pub(super) async fn clear_finished_messages(&self) -> Result<(), StoreError> {
        let runners = self.runners().await?;
        let queues = runners.iter().map(|runner| Queue::Runner(runner.runner_id));
        for queue in [Queue::Provision, Queue::Judge].into_iter().chain(queues) {
            self.clear_finished(&queue, FINISHED).await?;
        }
        Ok(())
    }

    /// Removes what is of no use any more from a queue, and gives the number of messages among it: those that were worked
    /// off at least so long ago, those whose worker died over them, and what workers of yesterday left behind. apalis
    /// keeps them for ever. Its own clearing would also take failed messages that it is going to bring again, and
    /// then stumble over them.
    ///
    /// # Errors
    /// [`StoreError`] when Redis has trouble.
    pub async fn clear_finished(&self, queue: &Queue, age: Duration) -> Result<usize, StoreError> {
        let (config, mut redis) = (self.queue_config(queue), self.redis());
        self.forget_workers(&config).await?;
        let messages: Vec<String> =
            redis::cmd("HKEYS").arg(config.job_data_hash()).query_async(&mut redis).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let described = |message: &String| format!("{}:{message}", config.job_meta_hash());
        let (now, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await?;
        let mut ask = redis::pipe();
        for message in &messages {
            ask.cmd("HMGET").arg(described(message)).arg("status").arg("done_at").arg(SEEN_TAKEN);
        }
        let states: Vec<(Option<String>, Option<u64>, Option<f64>)> = ask.query_async(&mut redis).await?;
        let is_old = |state: &(Option<String>, Option<u64>, Option<f64>)| match state {
            (Some(status), Some(done), _) if status == "Done" => done + age.as_secs() <= now,
            (Some(_), _, Some(seen)) => *seen as u64 + ABANDONED.as_secs() <= now,
            _ => false,
        };
        let finished: Vec<&String> = messages
            .iter()
            .zip(&states)
            .filter(|(_, state)| is_old(state))
            .map(|(message, _)| message)
            .collect();
        let mut clear = redis::pipe();
        for message in &finished {
            clear.hdel(config.job_data_hash(), message).ignore();
            clear.del(described(message)).ignore();
            clear.srem(config.done_jobs_set(), message).ignore();
        }
        if !finished.is_empty() {
            clear.query_async::<()>(&mut redis).await?;
        }
        Ok(finished.len())
    }

    /// Every start of a process registers workers under new names; nobody else removes them.
    async fn forget_workers(&self, config: &Config) -> Result<(), StoreError> {
        let mut redis = self.redis();
        let (now, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await?;
        let before = now.saturating_sub(FORGOTTEN.as_secs());
        let workers: Vec<String> = redis::cmd("ZRANGEBYSCORE")
            .arg(config.workers_set())
            .arg(0)
            .arg(before)
            .query_async(&mut redis)
            .await?;
        if workers.is_empty() {
            return Ok(());
        }
        let mut forget = redis::pipe();
        for worker in &workers {
            forget.del(format!("{}:{worker}", config.inflight_jobs_set())).ignore();
            forget.zrem(config.workers_set(), worker).ignore();
        }
        Ok(forget.query_async(&mut redis).await?)
    }
}
