//! Sandboxes that are plain processes of this machine: the real agent, without container and engine. For tests in which
//! Docker would only cost time. Nothing keeps one of them from the rest of the machine: give them trusted commands only.

#[cfg(feature = "faults")]
pub mod standing;

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use containrlab_domain::ids::SandboxId;
use uuid::Uuid;

use crate::host::{HostedSandbox, SandboxHost, SandboxRequest};
use crate::sandbox::{AgentClient, LocalSocket, SandboxError, SandboxSpec};
use crate::sandbox::{AgentError, Listed, Role};

/// How long an agent may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host of sandboxes that are processes. It outlives the runners that use it, as an engine does; all of its sandboxes end
/// with it.
pub struct ProcessSandboxes {
    agent: PathBuf,
    folder: PathBuf,
    running: Mutex<HashMap<SandboxId, Running>>,
}

struct Running {
    spec: SandboxSpec,
    process: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error only says that it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl ProcessSandboxes {
    /// Sandboxes below a folder, whose path has to be short (sockets lie in it), with this agent program.
    pub fn new(agent: PathBuf, folder: PathBuf) -> Self {
        Self { agent, folder, running: Mutex::default() }
    }

    /// Kills a sandbox's process, as a full memory would.
    pub fn kill(&self, sandbox: SandboxId) {
        if let Some(running) = self.running().get_mut(&sandbox) {
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
    }

    /// A sandbox's workspace, seen from outside.
    pub fn workspace(&self, sandbox: SandboxId) -> PathBuf {
        self.place(sandbox).join("w")
    }

    /// All sandboxes that there are.
    pub fn ids(&self) -> Vec<SandboxId> {
        self.running().keys().copied().collect()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<SandboxId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, sandbox: SandboxId) -> PathBuf {
        self.folder.join(sandbox.0.simple().to_string())
    }

    fn start(&self, spec: SandboxSpec) -> Result<(), SandboxError> {
        let place = self.place(spec.id);
        let storage = |source| SandboxError::Storage { doing: "make", path: place.clone(), source };
        std::fs::create_dir_all(place.join("w")).map_err(storage)?;
        let process = Command::new(&self.agent)
            .args(["serve", "--as-is", "--socket"])
            .arg(place.join("s"))
            .arg("--workspace")
            .arg(place.join("w"))
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| SandboxError::AgentMissing { path: self.agent.clone(), source })?;
        self.running().insert(spec.id, Running { spec, process });
        Ok(())
    }
}

#[async_trait]
impl SandboxHost for ProcessSandboxes {
    async fn create(&self, request: SandboxRequest) -> Result<HostedSandbox, SandboxError> {
        let SandboxRequest { session, lease, role } = request;
        let id = SandboxId(Uuid::now_v7());
        self.start(SandboxSpec { id, role, session, lease })?;
        Ok(HostedSandbox { id, warm: false, agent: connect(&self.place(id)).await? })
    }

    async fn claim(&self, id: SandboxId, request: SandboxRequest) -> Result<(), SandboxError> {
        let mut running = self.running();
        let warm = running.get_mut(&id).filter(|running| running.spec.role == Role::Warm);
        let SandboxRequest { session, lease, role } = request;
        warm.ok_or(SandboxError::Gone(id))?.spec = SandboxSpec { id, role, session, lease };
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Listed>, SandboxError> {
        let mut running = self.running();
        let listed = running.values_mut().map(|running| Listed {
            spec: running.spec,
            alive: matches!(running.process.try_wait(), Ok(None)),
        });
        Ok(listed.collect())
    }

    async fn adopt(&self, sandbox: SandboxId) -> Result<HostedSandbox, SandboxError> {
        if !self.running().contains_key(&sandbox) {
            return Err(SandboxError::Gone(sandbox));
        }
        Ok(HostedSandbox { id: sandbox, warm: false, agent: connect(&self.place(sandbox)).await? })
    }

    async fn cause_of_death(&self, sandbox: SandboxId) -> Result<Option<String>, SandboxError> {
        let listed = self.list().await?.into_iter().find(|listed| listed.spec.id == sandbox);
        Ok(match listed {
            Some(listed) if listed.alive => None,
            Some(_) => Some("sandbox_died".to_owned()),
            None => Some("sandbox_gone".to_owned()),
        })
    }

    async fn remove(&self, sandbox: SandboxId) -> Result<(), SandboxError> {
        self.running().remove(&sandbox);
        remove_folder(&self.place(sandbox)).await
    }

    async fn sweep(&self) -> Result<(), SandboxError> {
        Ok(())
    }
}

/// The way to the agent that listens, or is about to listen, in a sandbox's folder.
async fn connect(place: &Path) -> Result<AgentClient, SandboxError> {
    let socket = place.join("s");
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        match AgentClient::over(LocalSocket(socket.clone())).await {
            Ok(client) => return Ok(client),
            Err(AgentError::Gone(_) | AgentError::Unreachable(_)) if tokio::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes a folder in which a dying process may still write.
async fn remove_folder(path: &Path) -> Result<(), SandboxError> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        match std::fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) if tokio::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            Err(source) => {
                return Err(SandboxError::Storage { doing: "remove", path: path.to_owned(), source });
            }
        }
    }
}
