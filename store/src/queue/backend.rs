//! The worker's end of a queue: apalis-redis, set up in the one way that was measured to work.

use std::time::Duration;

use apalis::prelude::{BackendExt, PollWith, StreamStrategy};
use apalis_redis::{Config, RedisStorage};

use super::reconciler::SEEN_TAKEN;
use super::{Queue, QueuedJob, queue_name};
use crate::live::WakeUps;
use crate::{Store, StoreError};

/// What a worker is built on: `WorkerBuilder::new(name).backend(store.worker_backend(&queue))`. Give each worker a
/// name of its own on every start of the process and on every restart, build it under a `Monitor` with
/// `should_restart`, put `catch_panic` innermost, and let the handler return `Ok` always: what became of a job is in
/// the ledger.
pub type WorkerBackend = PollWith<RedisStorage<QueuedJob>, StreamStrategy<WakeUps>>;

/// Time between two signs of life of a worker to Redis.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// From when on what a dead worker left in Redis is removed; longer than any clock is wrong.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// From when on a message that a worker took and never acknowledged is of no use, since the reconciler has sent another.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

impl Store {
    /// The worker's end of a queue, woken by the relay's bell. Must be called within a tokio runtime.
    pub fn worker_backend(&self, queue: &Queue) -> WorkerBackend {
        RedisStorage::new(self.redis())
            .with_config(self.queue_config(queue))
            .poll_with_stream(self.live().queue(queue).into_wake_ups())
    }

    /// How this installation uses a queue, at both ends.
    pub(crate) fn queue_config(&self, queue: &Queue) -> Config {
        Config::default()
            .queue(queue_name(&self.settings().namespace, queue))
            // More than the free concurrency stops the heartbeats, and live jobs run twice.
            .batch_size(1)
            .heartbeat_interval(HEARTBEAT)
            // Workers give signs of life by their own clocks, and judge others by theirs: one whose clock is wrong would
            // take all others for dead. The reconciler brings back what a dead worker held, by Redis' clock.
            .missed_heartbeats((FORGOTTEN.as_secs() / HEARTBEAT.as_secs()) as usize)
            // Our own bells wake the workers.
            .emit_events(false)
            // Whose a job is stands in the ledger; a second lock here would only cost a round trip before and after each.
            .lock_tasks(false)
            // The result is nothing, but without this a message is never acknowledged, and comes again.
            .persist_results(true)
    }
}

impl Store {
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
