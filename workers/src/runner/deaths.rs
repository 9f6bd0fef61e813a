//! Notices that a sandbox died under its learner, and says so in the ledger; and that a session ended without this runner,
//! which was taken for dead.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_store::CommandError;

use super::{Held, Runner, by_runner};
use crate::error::Error;
use crate::jobs::keep_files;

/// Between two looks: how long a learner may look at a dead terminal without being told why.
const INTERVAL: Duration = Duration::from_secs(2);

/// Looks after the sandboxes until the runner drains.
pub(crate) async fn run(runner: Arc<Runner>) {
    loop {
        tokio::select! {
            () = runner.draining.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        if let Err(error) = let_go_of_foreign(&runner).await {
            tracing::warn!(%error, "sessions that ended elsewhere wait to be let go");
        }
        let dead = match runner.host.list().await {
            Ok(listed) => runner
                .all_held()
                .into_iter()
                .filter(|held| !listed.iter().any(|listed| listed.spec.id == held.sandbox.id && listed.alive))
                .collect::<Vec<_>>(),
            Err(error) => {
                tracing::warn!(%error, "the sandboxes cannot be looked after");
                continue;
            }
        };
        for held in dead {
            if let Err(error) = bury(&runner, &held).await {
                tracing::warn!(session = %held.session, %error, "a dead sandbox waits to be told of");
            }
        }
    }
}

/// Ends the session of a dead sandbox and removes what is left of it.
async fn bury(runner: &Runner, held: &Held) -> Result<(), Error> {
    if held.ending.is_cancelled() {
        // Its end is under way, and whoever ends it removes it.
        return Ok(());
    }
    let Some(cause) = runner.host.cause_of_death(held.sandbox.id).await? else { return Ok(()) };
    abandon(runner, held.session, EndReason::SandboxDied { cause: cause.clone() }).await?;
    tracing::warn!(session = %held.session, sandbox = %held.sandbox.id, cause, "a sandbox died");
    if let Some(held) = runner.let_go(held.session) {
        // Nothing can be read from it any more; what the terminals had put out is recorded.
        held.rest().await;
        runner.host.remove(held.sandbox.id).await?;
    }
    Ok(())
}

/// Removes the sandboxes of sessions that are this runner's no more: it was silent for so long that others ended them, or took
/// them over before they were ready. Their places are needed.
async fn let_go_of_foreign(runner: &Runner) -> Result<(), Error> {
    // Before the read: what is held after it may be newer than what was read.
    let held = runner.all_held();
    if held.is_empty() {
        return Ok(());
    }
    let own = runner.store.sessions_on(runner.id).await?;
    for held in held.iter().filter(|held| !own.iter().any(|row| row.session_id == held.session)) {
        tracing::warn!(session = %held.session, sandbox = %held.sandbox.id, "this session ended without its runner");
        // What the learner wrote meanwhile is theirs all the same.
        keep_files(held).await;
        held.rest().await;
        runner.host.remove(held.sandbox.id).await?;
        runner.let_go(held.session);
    }
    Ok(())
}

/// Ends a session without a clean-up. One that has ended already is fine.
pub(crate) async fn abandon(
    runner: &Runner,
    session: containrlab_domain::ids::SessionId,
    reason: EndReason,
) -> Result<(), Error> {
    match runner.store.execute::<Session>(session.0, SessionCommand::Abandon { reason }, &by_runner()).await {
        Ok(_) | Err(CommandError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
