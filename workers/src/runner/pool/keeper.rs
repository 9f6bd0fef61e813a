//! Keeps the pool filled, with the little that is left over when learners have what they need.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::ids::{LeaseId, SessionId};
use uuid::Uuid;

use super::admission::{Offer, Seat, is_well};
use super::state::{Step, Warm};
use crate::error::Error;
use crate::host::{HostedSandbox, SandboxRequest};
use crate::runner::{Place, Runner};
use crate::sandbox::{Role, SandboxError};

/// Between two looks when nobody asks for anything: dead ones are replaced, and one too many goes.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long after somebody asked for a sandbox the next one is begun, so that it does not slow down their first steps; and
/// the longest that a stream of them puts it off.
const QUIET: Duration = Duration::from_millis(1500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After one could not be made: doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Keeps the pool as it should be until the runner drains. The sandboxes stay, for the next process.
pub(crate) async fn run(runner: Arc<Runner>) {
    if runner.pool.limits.max > 0 {
        // What is half made then removes itself.
        runner.draining.run_until_cancelled(keep(&runner)).await;
    }
}

async fn keep(runner: &Arc<Runner>) {
    let mut retry = FIRST_RETRY;
    loop {
        match runner.pool.next_step() {
            Step::Make => {
                quiet(runner).await;
                match make_one(runner).await {
                    Some(Ok(())) => {
                        retry = FIRST_RETRY;
                        continue;
                    }
                    Some(Err(error)) => {
                        tracing::warn!(%error, again_in = ?retry, "a sandbox could not be made beforehand");
                        tokio::time::sleep(retry).await;
                        retry = (retry * 2).min(LAST_RETRY);
                    }
                    // No room; a place that comes free is first of all for those who wait.
                    None => {}
                }
            }
            Step::Remove(warm) => {
                remove(runner, warm).await;
                continue;
            }
            Step::Rest => {}
        }
        tokio::select! {
            () = runner.pool.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => drop_dead(runner).await,
        }
    }
}

/// Waits until nobody has asked for a sandbox for a moment.
async fn quiet(runner: &Runner) {
    let settled = async {
        while let Some(rest) = runner.pool.last_asked().and_then(|asked| QUIET.checked_sub(asked.elapsed())) {
            tokio::time::sleep(rest).await;
        }
    };
    // However many ask: they get a warm one only if somebody makes it.
    let _ = tokio::time::timeout(LONGEST_PAUSE, settled).await;
}

/// Makes one more, if there is room.
async fn make_one(runner: &Arc<Runner>) -> Option<Result<(), SandboxError>> {
    let place = runner.room.take()?;
    let making = Making::begin(runner);
    let lease = LeaseId(Uuid::now_v7());
    let owned = runner.own(lease);
    let request = SandboxRequest { session: SessionId(Uuid::nil()), lease, role: Role::Warm };
    let created = runner.host.create(request).await;
    if let Ok(sandbox) = &created {
        runner.pool.note(sandbox.id);
    }
    drop(owned);
    Some(making.end(created, place))
}

/// One that is being made: nobody is promised it any more once this is dropped.
struct Making<'a> {
    runner: &'a Arc<Runner>,
}

impl<'a> Making<'a> {
    fn begin(runner: &'a Arc<Runner>) -> Self {
        runner.pool.begin_making();
        Self { runner }
    }

    /// Gives what came of it to whoever waits for it, else to the pool.
    fn end(self, created: Result<HostedSandbox, SandboxError>, place: Place) -> Result<(), SandboxError> {
        let waiter = self.runner.pool.end_making();
        let (seat, outcome) = match created {
            Ok(sandbox) => (Seat::Warm(Offer::new(self.runner, Warm { sandbox, place })), Ok(())),
            Err(error) => (Seat::Cold(place), Err(error)),
        };
        // What nobody takes is dropped, and so given back.
        match waiter {
            Some(waiter) => drop(waiter.send(seat)),
            None => drop(seat),
        }
        outcome
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.runner.pool.end_making();
    }
}

async fn remove(runner: &Runner, warm: Warm) {
    if let Err(error) = runner.host.remove(warm.sandbox.id).await {
        tracing::warn!(sandbox = %warm.sandbox.id, %error, "a warm sandbox waits for the reaper");
    }
}

/// Removes warm sandboxes that have died.
async fn drop_dead(runner: &Runner) {
    let before = runner.pool.known();
    if before.is_empty() {
        return;
    }
    match runner.host.list().await {
        Ok(listed) => {
            for dead in runner.pool.take_dead(&listed, &before) {
                tracing::warn!(sandbox = %dead.sandbox.id, "a warm sandbox died");
                remove(runner, dead).await;
            }
        }
        Err(error) => tracing::warn!(%error, "the warm sandboxes cannot be looked after"),
    }
}

/// Takes over warm sandboxes that an earlier process of this runner left, as far as they are well and there is room. The
/// reaper removes the others.
///
/// # Errors
/// When the engine is away.
pub(crate) async fn adopt(runner: &Arc<Runner>) -> Result<(), Error> {
    for listed in runner.host.list().await? {
        if listed.spec.role != Role::Warm || !listed.alive || runner.pool.len() >= runner.pool.limits.max {
            continue;
        }
        let Some(place) = runner.room.take() else { return Ok(()) };
        match runner.host.adopt(listed.spec.id).await {
            Ok(sandbox) if is_well(&sandbox).await => {
                tracing::info!(sandbox = %sandbox.id, "took over a warm sandbox");
                runner.pool.put(Warm { sandbox, place });
            }
            Ok(_) => tracing::info!(sandbox = %listed.spec.id, "a warm sandbox is not well"),
            Err(error) => {
                tracing::info!(sandbox = %listed.spec.id, %error, "a warm sandbox is not taken over")
            }
        }
    }
    Ok(())
}
