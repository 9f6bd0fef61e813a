//! The runner's start: sandboxes that outlived the process before are taken over, sessions whose sandboxes did not are
//! ended, and what nobody owns is removed.

use std::sync::Arc;

use containrlab_domain::session::{EndReason, Phase};
use containrlab_store::SessionRow;

use super::deaths::abandon;
use super::{Held, Runner, by_runner, disk, pool, reaper};
use crate::error::Error;
use crate::sandbox::{AgentError, SandboxError};
use crate::workspace::WorkspaceSync;

impl Runner {
    /// Takes over what an earlier process of this runner left.
    ///
    /// # Errors
    /// When the store or the engine is away, or the disk can't be asked.
    pub(crate) async fn take_over(self: &Arc<Self>) -> Result<(), Error> {
        for session in self.store.sessions_on(self.id).await? {
            // One that is starting has a lease that runs out; whoever takes it next removes what is left of it.
            if matches!(session.phase, Phase::Ready | Phase::Ending) {
                match self.take_over_session(&session).await {
                    // One sandbox that can't be talked to must not keep the runner from all the others.
                    Err(Error::Agent(error) | Error::Sandbox(SandboxError::Agent(error))) => {
                        self.give_up(&session, &error).await?;
                    }
                    outcome => outcome?,
                }
            }
        }
        // Before anybody new is let in.
        disk::measure(self).await?;
        pool::adopt(self).await?;
        reaper::reap(self).await
    }

    /// Ends the session of a sandbox that runs but does not answer; the reaper removes it.
    async fn give_up(&self, row: &SessionRow, error: &AgentError) -> Result<(), Error> {
        tracing::warn!(session = %row.session_id, %error, "a sandbox that does not answer is given up");
        let cause = "agent_unreachable".to_owned();
        abandon(self, row.session_id, EndReason::SandboxDied { cause }).await
    }

    async fn take_over_session(self: &Arc<Self>, row: &SessionRow) -> Result<(), Error> {
        let session = row.session_id;
        let Some(sandbox) = row.sandbox_id else { return Ok(()) };
        match self.host.cause_of_death(sandbox).await? {
            Some(cause) if row.phase == Phase::Ready => {
                tracing::warn!(%session, %sandbox, cause, "a sandbox died while the runner was away");
                return abandon(self, session, EndReason::SandboxDied { cause }).await;
            }
            // Its end is owed to this runner, which will find nothing left to keep.
            Some(_) => return Ok(()),
            None => {}
        }
        let sandbox = self.host.adopt(sandbox).await?;
        let workspace = WorkspaceSync::adopt(session, sandbox.agent.clone(), self.store.clone()).await?;
        let held =
            Arc::new(Held::new(session, sandbox, workspace, self.store.clone(), self.room.take_anyway()));
        if row.phase == Phase::Ready {
            held.terminals.reattach(&by_runner()).await?;
        }
        tracing::info!(%session, sandbox = %held.sandbox.id, "took over a sandbox");
        self.hold(held);
        Ok(())
    }
}
