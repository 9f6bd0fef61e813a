//! Keeps the runner's room at what the disk carries: a session waits in line rather than fill it for those who are there.

use std::sync::Arc;
use std::time::Duration;

use super::Runner;
use super::capacity::carried_by_disk;
use crate::sandbox::SandboxError;

/// Between two looks: how much a learner can write meanwhile is bounded by what each place promises.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks after the disk until the runner drains.
pub(crate) async fn run(runner: Arc<Runner>) {
    loop {
        tokio::select! {
            () = runner.draining.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        if let Err(error) = measure(&runner).await {
            tracing::warn!(%error, "what the disk of the sandboxes carries is not known; it counts as before");
        }
    }
}

/// One look.
pub(crate) async fn measure(runner: &Runner) -> Result<(), SandboxError> {
    let Some(space) = runner.host.disk_space().await? else { return Ok(()) };
    let settings = &runner.settings;
    let promised = settings.disk_promised_bytes.min(settings.sandboxes.limits.disk_bytes);
    let carried = carried_by_disk(&space, promised, settings.judges);
    let was_short = runner.room.is_short_of_disk();
    runner.room.hold_to_disk(carried);
    match (was_short, runner.room.is_short_of_disk()) {
        (false, true) => tracing::warn!(
            carried,
            capacity = runner.room.capacity(),
            free_bytes = space.free_bytes,
            "the disk carries no further sandbox, so sessions wait in line: make room on it, raise \
             SANDBOX_STORE_BYTES and start the runner anew, or start another runner"
        ),
        (true, false) => tracing::info!(carried, "the disk carries further sandboxes again"),
        _ => {}
    }
    Ok(())
}
