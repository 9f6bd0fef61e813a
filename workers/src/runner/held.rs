//! A session whose sandbox this runner holds.

use std::sync::Arc;

use containrlab_domain::ids::SessionId;
use containrlab_store::Store;
use tokio_util::sync::CancellationToken;

use super::Place;
use crate::host::HostedSandbox;
use crate::terminal::Terminals;
use crate::workspace::WorkspaceSync;

/// A session with its living sandbox, its terminals and its workspace.
pub(crate) struct Held {
    pub(crate) session: SessionId,
    pub(crate) sandbox: HostedSandbox,
    pub(crate) terminals: Arc<Terminals>,
    pub(crate) workspace: WorkspaceSync,
    /// The session ends: builds and runs in it are let go.
    pub(crate) ending: CancellationToken,
    _place: Place,
}

impl Held {
    pub(crate) fn new(
        session: SessionId,
        sandbox: HostedSandbox,
        workspace: WorkspaceSync,
        store: Store,
        place: Place,
    ) -> Self {
        let terminals = Arc::new(Terminals::new(session, sandbox.agent.clone(), store));
        Self { session, sandbox, terminals, workspace, ending: CancellationToken::new(), _place: place }
    }

    /// Lets go of the sandbox without touching it: what is in memory is recorded, the shells live on.
    pub(crate) async fn rest(&self) {
        self.ending.cancel();
        self.workspace.stop().await;
        self.terminals.stop().await;
    }
}
