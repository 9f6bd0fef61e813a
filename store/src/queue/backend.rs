//! The worker's end of a queue: apalis-redis, set up in the one way that was measured to work.

use std::time::Duration;

use apalis::prelude::{BackendExt, PollWith, StreamStrategy};
use apalis_core::backend::Vacuum;
use apalis_redis::{Config, RedisStorage};

use super::{Queue, QueuedJob, queue_name};
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
            .heartbeat_interval(Duration::from_secs(5))
            .missed_heartbeats(3)
            // Our own bells wake the workers, and results live in the ledger.
            .emit_events(false)
            .persist_results(false)
    }
}

impl Store {
    /// Removes from Redis what was worked off a minute ago or earlier; apalis keeps it for ever.
    pub(crate) async fn clear_queue(&self, queue: &Queue) -> Result<(), StoreError> {
        let config = self.queue_config(queue);
        let mut storage: RedisStorage<QueuedJob> =
            RedisStorage::new(self.redis()).with_config(config.clone());
        storage.vacuum_before(Duration::from_secs(60)).await?;
        redis::cmd("DEL")
            .arg(config.done_jobs_set())
            .arg(config.dead_jobs_set())
            .query_async::<()>(&mut self.redis())
            .await?;
        Ok(())
    }
}
