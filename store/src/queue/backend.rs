//! The worker's end of a queue: apalis-redis, set up in the one way that was measured to work.

use std::time::Duration;

use apalis::prelude::{BackendExt, PollWith};
use apalis_redis::{Config, RedisStorage};

use super::wake_ups::{WakeUps, WorkerRedis};
use super::{Queue, QueuedJob, queue_name};
use crate::Store;

/// What a worker is built on: `WorkerBuilder::new(name).backend(store.worker_backend(&queue))`. Give each worker a
/// name of its own on every start of the process and on every restart, build it under a `Monitor` with
/// `should_restart`, put `catch_panic` innermost, and let the handler return `Ok` always: what became of a job is in
/// the ledger.
pub type WorkerBackend = PollWith<RedisStorage<QueuedJob, WorkerRedis>, WakeUps>;

/// Time between two signs of life of a worker to Redis.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// From when on what a dead worker left in Redis is removed; longer than any clock is wrong.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// The worker's end of a queue, woken by the relay's bell. Must be called within a tokio runtime.
    pub fn worker_backend(&self, queue: &Queue) -> WorkerBackend {
        let redis = WorkerRedis::new(self.redis());
        let wake_ups = WakeUps::new(self.live().queue(queue).into_rings(), &redis);
        RedisStorage::new(redis).with_config(self.queue_config(queue)).poll_with_strategy(wake_ups)
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
