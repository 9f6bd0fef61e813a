//! What the runner asks of whatever holds its sandboxes.
//!
//! [`SandboxHost`] is narrow on purpose: the real one is [`Sandboxes`], containers with an engine each; a test that
//! hurts the ledger rather than Docker puts agents that are plain processes of this machine in their place.

use std::collections::BTreeMap;

use async_trait::async_trait;
use containrlab_domain::ids::{LeaseId, SandboxId, SessionId};

use crate::sandbox::{AgentClient, DiskSpace, Listed, Role, SandboxError, SandboxSpec, Sandboxes};

/// A sandbox to be made.
#[derive(Debug, Clone, Copy)]
pub struct SandboxRequest {
    /// For which session; a verifier belongs to the session of its attempt.
    pub session: SessionId,
    /// Under which lease; written on the container, so that what a dead worker left can be told from what is wanted.
    pub lease: LeaseId,
    /// For what.
    pub role: Role,
}

/// A living sandbox.
#[derive(Debug, Clone)]
pub struct HostedSandbox {
    /// Its id.
    pub id: SandboxId,
    /// Whether it was warm already when it was asked for.
    pub warm: bool,
    /// The only way into it.
    pub agent: AgentClient,
}

/// Whatever holds the sandboxes of one runner.
#[async_trait]
pub trait SandboxHost: Send + Sync + 'static {
    /// Makes a sandbox with an empty workspace, and returns once its engine answers. When the future is dropped half
    /// way, what it has made so far is removed sooner or later.
    async fn create(&self, request: SandboxRequest) -> Result<HostedSandbox, SandboxError>;
    /// Makes a warm sandbox that of whoever asks, in one step that lasts: from then on it is listed as theirs. Nobody has
    /// touched one for which this was never called. After an error it must not be used.
    async fn claim(&self, sandbox: SandboxId, request: SandboxRequest) -> Result<(), SandboxError>;
    /// All sandboxes of this runner, alive or dead, but for those that are just being made.
    async fn list(&self) -> Result<Vec<Listed>, SandboxError>;
    /// The way into a living sandbox that an earlier process of this runner made. A warm one is refused when another
    /// would be made today.
    async fn adopt(&self, sandbox: SandboxId) -> Result<HostedSandbox, SandboxError>;
    /// Why a sandbox is dead, as a stable reason code; `None` while it lives.
    async fn cause_of_death(&self, sandbox: SandboxId) -> Result<Option<String>, SandboxError>;
    /// Whether a sandbox can write hardly anything more to its disk; `None` where nobody counts.
    async fn is_disk_full(&self, sandbox: SandboxId) -> Result<Option<bool>, SandboxError> {
        let _ = sandbox;
        Ok(None)
    }
    /// What the disk that holds sandboxes has left; `None` where nobody counts.
    async fn disk_space(&self) -> Result<Option<DiskSpace>, SandboxError> {
        Ok(None)
    }
    /// The images that sandboxes start with: by name, a hash of their content. None where there is no engine.
    async fn lab_images(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// Removes a sandbox with all that belongs to it. One that is not there is fine.
    async fn remove(&self, sandbox: SandboxId) -> Result<(), SandboxError>;
    /// Removes what is left of sandboxes that are gone.
    async fn sweep(&self) -> Result<(), SandboxError>;
}

#[async_trait]
impl SandboxHost for Sandboxes {
    async fn create(&self, request: SandboxRequest) -> Result<HostedSandbox, SandboxError> {
        let SandboxRequest { session, lease, role } = request;
        let spec = SandboxSpec { id: SandboxId(uuid::Uuid::now_v7()), role, session, lease };
        let sandbox = Self::create(self, spec).await?;
        Ok(HostedSandbox { id: sandbox.id(), warm: false, agent: sandbox.agent().clone() })
    }

    async fn claim(&self, id: SandboxId, request: SandboxRequest) -> Result<(), SandboxError> {
        let SandboxRequest { session, lease, role } = request;
        Self::claim(self, SandboxSpec { id, role, session, lease }).await
    }

    async fn list(&self) -> Result<Vec<Listed>, SandboxError> {
        Self::list(self).await
    }

    async fn adopt(&self, sandbox: SandboxId) -> Result<HostedSandbox, SandboxError> {
        let sandbox = Self::adopt(self, sandbox).await?;
        Ok(HostedSandbox { id: sandbox.id(), warm: false, agent: sandbox.agent().clone() })
    }

    async fn cause_of_death(&self, sandbox: SandboxId) -> Result<Option<String>, SandboxError> {
        Ok(Self::cause_of_death(self, sandbox).await?.map(|cause| {
            tracing::warn!(%sandbox, code = cause.code, detail = cause.detail, "a sandbox is dead");
            cause.code.to_owned()
        }))
    }

    async fn is_disk_full(&self, sandbox: SandboxId) -> Result<Option<bool>, SandboxError> {
        Self::is_disk_full(self, sandbox).await.map(Some)
    }

    async fn disk_space(&self) -> Result<Option<DiskSpace>, SandboxError> {
        Self::disk_space(self).await.map(Some)
    }

    async fn lab_images(&self) -> BTreeMap<String, String> {
        Self::lab_images(self).await
    }

    async fn remove(&self, sandbox: SandboxId) -> Result<(), SandboxError> {
        Self::remove(self, sandbox).await
    }

    async fn sweep(&self) -> Result<(), SandboxError> {
        Self::sweep(self).await
    }
}
