//! Ends a session in order: keeps what the learner wrote, then removes the sandbox.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::session::{Session, SessionCommand};
use containrlab_store::JobRow;
use tokio_util::sync::CancellationToken;

use super::frame::{record, start};
use super::provision::remove_leftovers;
use crate::error::Error;
use crate::runner::{Held, Runner};

/// How long the last look at the workspace may take when the sandbox is slow.
const LAST_LOOK: Duration = Duration::from_secs(30);

pub(super) async fn work(runner: Arc<Runner>, row: JobRow) -> Result<(), Error> {
    let Some(lease) = start::<Session>(&runner, &row, |claim| SessionCommand::StartEnding { claim }).await?
    else {
        return Ok(());
    };
    let session = row.session_id;
    // A start that is still under way is no longer wanted; it removes what it made.
    runner.end_start(session);
    let never = CancellationToken::new();
    let cleaned = lease.hold(&runner, &never, clean_up(&runner, session)).await;
    match cleaned {
        Ok(Ok(())) => {
            record::<Session>(&runner, &lease, session.0, SessionCommand::FinishEnding { lease: lease.id })
                .await;
        }
        // The lease runs out, and the job is started again.
        Ok(Err(error)) => tracing::error!(%session, %error, "a session's end did not get through"),
        Err(why) => tracing::info!(%session, ?why, "a session's end was let go"),
    }
    Ok(())
}

async fn clean_up(runner: &Runner, session: containrlab_domain::ids::SessionId) -> Result<(), Error> {
    if let Some(held) = runner.held(session) {
        held.ending.cancel();
        keep_files(&held).await;
        held.rest().await;
        runner.host.remove(held.sandbox.id).await?;
        runner.let_go(session);
    }
    remove_leftovers(runner, session, None).await
}

/// Records the last changes from the terminal. While the store is away this waits: what the learner wrote is not to be
/// lost with the sandbox. A sandbox that does not answer is not waited for.
pub(crate) async fn keep_files(held: &Held) {
    let mut pause = Duration::from_millis(200);
    loop {
        match tokio::time::timeout(LAST_LOOK, held.workspace.flush()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) if error.is_unavailable() => {
                tracing::warn!(session = %held.session, %error, "the last changes wait for the store");
            }
            Ok(Err(error)) => {
                tracing::warn!(session = %held.session, %error, "the last changes could not be read");
                return;
            }
            Err(_) => {
                tracing::warn!(session = %held.session, "the sandbox did not give its last changes in time");
                return;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
