//! The runner's sign of life in the store.

use std::sync::Arc;
use std::time::Duration;

use containrlab_store::RunnerState;
use containrlab_store::faults::hastened;
use tokio_util::task::AbortOnDropHandle;

use super::Runner;

/// Between two signs of life; a runner that is silent for six of them is taken for dead.
const INTERVAL: Duration = Duration::from_secs(5);

/// Gives signs of life until it is dropped.
pub(crate) struct Pulse {
    _task: AbortOnDropHandle<()>,
}

impl Pulse {
    pub(crate) fn start(runner: Arc<Runner>) -> Self {
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(hastened(INTERVAL));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                if let Err(error) = runner.store.heartbeat(runner.id, state(&runner)).await {
                    tracing::warn!(%error, "the runner's sign of life did not reach the store");
                }
            }
        });
        Self { _task: AbortOnDropHandle::new(task) }
    }
}

fn state(runner: &Runner) -> RunnerState {
    if runner.draining.is_cancelled() { RunnerState::Draining } else { RunnerState::Active }
}
