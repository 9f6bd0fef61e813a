//! Removes what nobody owns: sandboxes that a dead worker left half made, verifiers of attempts that are over, and warm
//! sandboxes that the pool does not have.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::session::Phase;
use containrlab_store::faults::hastened;

use super::Runner;
use crate::error::Error;
use crate::sandbox::{Listed, Role};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(60);

/// Reaps every minute until the runner drains.
pub(crate) async fn run(runner: Arc<Runner>) {
    loop {
        tokio::select! {
            () = runner.draining.cancelled() => return,
            () = tokio::time::sleep(hastened(INTERVAL)) => {}
        }
        if let Err(error) = reap(&runner).await {
            tracing::warn!(%error, "the reaper did not get through; it tries again in a minute");
        }
    }
}

/// One round.
pub(crate) async fn reap(runner: &Runner) -> Result<(), Error> {
    for listed in runner.host.list().await? {
        if !is_wanted(runner, listed).await? {
            tracing::info!(sandbox = %listed.spec.id, session = %listed.spec.session, "nobody owns this sandbox; removing it");
            runner.host.remove(listed.spec.id).await?;
        }
    }
    runner.host.sweep().await?;
    Ok(())
}

/// Whether somebody owns a sandbox. In doubt yes: an error of the store is no reason to remove a learner's work.
async fn is_wanted(runner: &Runner, listed: Listed) -> Result<bool, Error> {
    if runner.owns(listed.spec.lease) {
        return Ok(true);
    }
    match listed.spec.role {
        // One that looks warm may have been claimed since it was listed; the next round sees whose it is.
        Role::Warm => return Ok(runner.pool.knows(listed.spec.id)),
        Role::Verifier => return Ok(false),
        Role::Session | Role::Golden => {}
    }
    if runner.held(listed.spec.session).is_some_and(|held| held.sandbox.id == listed.spec.id) {
        return Ok(true);
    }
    let Some(session) = runner.store.session(listed.spec.session).await? else { return Ok(false) };
    // A session that is ready or ending may still have files in there that the ledger lacks.
    let alive = matches!(session.phase, Phase::Ready | Phase::Ending);
    Ok(alive && session.sandbox_id == Some(listed.spec.id) && listed.alive)
}
