//! Making a sandbox, and seeing to it that a half-made one doesn't stay.

use std::time::{Duration, Instant};

use bollard::query_parameters::CreateContainerOptions;
use containrlab_domain::ids::SandboxId;

use super::golden::Prepared;
use super::{AgentClient, AgentError, Sandbox, SandboxError, SandboxSpec, Sandboxes, container};

/// How often a starting sandbox is asked whether it is there yet.
const ASK_EVERY: Duration = Duration::from_millis(25);

impl Sandboxes {
    /// Makes a sandbox and waits until its engine answers. If that fails, or the future is dropped on the way, nothing of it stays.
    ///
    /// # Errors
    /// [`SandboxError::NotPrepared`] before [`Sandboxes::prepare`]; else why there is no sandbox.
    pub async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        let prepared = self.inner.prepared.read().await.clone().ok_or(SandboxError::NotPrepared)?;
        let draft = Draft::new(self, spec.id);
        let started = Instant::now();
        match self.try_create(&prepared, spec).await {
            Ok(sandbox) => {
                draft.keep();
                tracing::info!(sandbox = %spec.id, session = %spec.session, took = ?started.elapsed(), "sandbox ready");
                Ok(sandbox)
            }
            Err(error) => {
                if let Err(left) = self.remove(spec.id).await {
                    tracing::warn!(sandbox = %spec.id, error = %left, "a half-made sandbox stays for the next clean-up");
                }
                draft.keep();
                Err(error)
            }
        }
    }

    async fn try_create(&self, prepared: &Prepared, spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        let settings = &self.inner.settings;
        let volume = self.inner.store.create(&prepared.golden, spec.id, settings.limits.disk_bytes).await?;
        self.start(prepared, &volume, spec).await
    }

    /// Starts a container on a volume and waits for the engine in it.
    pub(super) async fn start(
        &self,
        prepared: &Prepared,
        volume: &std::path::Path,
        spec: SandboxSpec,
    ) -> Result<Sandbox, SandboxError> {
        let inner = &*self.inner;
        let body =
            container::body(&inner.settings, &inner.host, prepared, &inner.network.name, volume, &spec);
        let options = CreateContainerOptions {
            name: Some(container::name(spec.id)),
            ..CreateContainerOptions::default()
        };
        let created = inner.docker.create_container(Some(options), body).await;
        let container =
            created.map_err(|source| SandboxError::engine("make the sandbox's container", source))?.id;
        inner
            .docker
            .start_container(&container, None)
            .await
            .map_err(|source| SandboxError::engine("start the sandbox's container", source))?;
        let deadline = Instant::now() + inner.settings.ready_timeout;
        let agent = self.reach_agent(spec.id, &container, deadline).await?;
        self.wait_for_engine(spec.id, &agent, deadline).await?;
        Ok(Sandbox { spec, container, agent })
    }

    /// Connects to the agent of a container that has only just been started, or is busy.
    pub(super) async fn reach_agent(
        &self,
        id: SandboxId,
        container: &str,
        deadline: Instant,
    ) -> Result<AgentClient, SandboxError> {
        loop {
            let error = match AgentClient::connect(self.inner.docker.clone(), container).await {
                Ok(agent) => return Ok(agent),
                Err(error) => error,
            };
            if let Some(cause) = self.cause_of_death(id).await? {
                return Err(SandboxError::Died { detail: cause.detail });
            }
            if Instant::now() >= deadline {
                return Err(error.into());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    async fn wait_for_engine(
        &self,
        id: SandboxId,
        agent: &AgentClient,
        deadline: Instant,
    ) -> Result<(), SandboxError> {
        match agent.wait_ready(deadline.into()).await {
            Ok(_) => Ok(()),
            Err(AgentError::NotReady(engine)) => {
                let mut lines = vec![engine.detail.unwrap_or_else(|| format!("{:?}", engine.state))];
                lines.extend(engine.log);
                Err(SandboxError::NotReady {
                    waited: self.inner.settings.ready_timeout,
                    detail: lines.join("\n"),
                })
            }
            Err(error) => match self.cause_of_death(id).await? {
                Some(cause) => Err(SandboxError::Died { detail: cause.detail }),
                None => Err(error.into()),
            },
        }
    }
}

/// Removes a sandbox when it is dropped before it was kept: whoever waited for it has gone.
pub(super) struct Draft {
    sandboxes: Sandboxes,
    id: SandboxId,
    kept: bool,
}

impl Draft {
    pub(super) fn new(sandboxes: &Sandboxes, id: SandboxId) -> Self {
        sandboxes.making().insert(id);
        Self { sandboxes: sandboxes.clone(), id, kept: false }
    }

    /// It is ready, or already removed.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let (sandboxes, id) = (self.sandboxes.clone(), self.id);
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| !self.kept);
        // Without a runtime the process is about to end: the next one's clean-up finds what is left.
        let Some(runtime) = runtime else {
            sandboxes.making().remove(&id);
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = sandboxes.remove(id).await {
                tracing::warn!(sandbox = %id, %error, "a half-made sandbox stays for the next clean-up");
            }
            sandboxes.making().remove(&id);
        });
    }
}
