//! A sandbox that was made and is not yet handed over.

use std::sync::Arc;

use super::Runner;
use crate::host::HostedSandbox;

/// Removes its sandbox when it is dropped before the sandbox was handed over, however that came about.
pub(crate) struct MadeSandbox {
    runner: Arc<Runner>,
    sandbox: HostedSandbox,
    kept: bool,
}

impl MadeSandbox {
    pub(crate) fn new(runner: Arc<Runner>, sandbox: HostedSandbox) -> Self {
        Self { runner, sandbox, kept: false }
    }

    pub(crate) fn sandbox(&self) -> &HostedSandbox {
        &self.sandbox
    }

    /// The sandbox belongs to somebody now.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }

    /// Removes it now, and waits for it.
    pub(crate) async fn remove(mut self) {
        self.runner.pool.forget(self.sandbox.id);
        if let Err(error) = self.runner.host.remove(self.sandbox.id).await {
            tracing::warn!(sandbox = %self.sandbox.id, %error, "a sandbox waits for the reaper");
        }
        self.kept = true;
    }
}

impl Drop for MadeSandbox {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let (runner, id) = (Arc::clone(&self.runner), self.sandbox.id);
        runner.pool.forget(id);
        self.runner.work.spawn(async move {
            if let Err(error) = runner.host.remove(id).await {
                tracing::warn!(sandbox = %id, %error, "a sandbox waits for the reaper");
            }
        });
    }
}
