//! The worker's end of a queue: apalis-redis, set up in the one way that was measured to work.

use std::time::Duration;

use apalis::prelude::{BackendExt, PollWith, StreamStrategy};
use apalis_redis::{Config, RedisStorage};

use super::{Queue, QueuedJob, queue_name};
use crate::faults::hastened;
use crate::live::WakeUps;
use crate::{Store, StoreError};

/// What a worker is built on: `WorkerBuilder::new(name).backend(store.worker_backend(&queue))`. Give each worker a
/// name of its own on every start of the process and on every restart, build it under a `Monitor` with
/// `should_restart`, put `catch_panic` innermost, and let the handler return `Ok` always: what became of a job is in
/// the ledger.
pub type WorkerBackend = PollWith<RedisStorage<QueuedJob>, StreamStrategy<WakeUps>>;

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
            // A message whose worker died is back in the queue after 15 s instead of 300.
            .heartbeat_interval(hastened(Duration::from_secs(5)).max(Duration::from_secs(1)))
            .missed_heartbeats(3)
            // Our own bells wake the workers.
            .emit_events(false)
            // The result is nothing, but without this a message is never acknowledged, and comes again.
            .persist_results(true)
    }
}

impl Store {
    /// Removes the messages from a queue that were worked off at least so long ago, and gives their number; apalis
    /// keeps them for ever. Its own clearing would also take failed messages that it is going to bring again, and
    /// then stumble over them.
    ///
    /// # Errors
    /// [`StoreError`] when Redis has trouble.
    pub async fn clear_finished(&self, queue: &Queue, age: Duration) -> Result<usize, StoreError> {
        let (config, mut redis) = (self.queue_config(queue), self.redis());
        let messages: Vec<String> =
            redis::cmd("HKEYS").arg(config.job_data_hash()).query_async(&mut redis).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let described = |message: &String| format!("{}:{message}", config.job_meta_hash());
        let (now, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await?;
        let mut ask = redis::pipe();
        for message in &messages {
            ask.cmd("HMGET").arg(described(message)).arg("status").arg("done_at");
        }
        let states: Vec<(Option<String>, Option<u64>)> = ask.query_async(&mut redis).await?;
        let finished: Vec<&String> = messages
            .iter()
            .zip(states)
            .filter(|(_, (status, done_at))| {
                status.as_deref() == Some("Done") && done_at.is_some_and(|at| at + age.as_secs() <= now)
            })
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
}
