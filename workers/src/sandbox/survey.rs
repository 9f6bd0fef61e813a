//! Finding sandboxes again, looking at them, and removing them.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bollard::models::{ContainerState, ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    ListContainersOptions, LogsOptionsBuilder, RemoveContainerOptions, StatsOptionsBuilder,
};
use containrlab_domain::ids::SandboxId;
use futures::StreamExt;

use super::labels::{INSTALLATION, RUNNER, SANDBOX};
use super::network::status;
use super::{DiskSpace, Role, Sandbox, SandboxError, SandboxSpec, Sandboxes, claim, host_engine};

/// How long an old sandbox's agent may take to answer at an adoption.
const ADOPT_PATIENCE: Duration = Duration::from_secs(10);
/// How long the engine may take to be done with a container's removal that is already under way.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(30);
const REMOVAL_PAUSE: Duration = Duration::from_millis(50);
/// Lines of a dead sandbox's log that are worth keeping.
const LAST_LINES: &str = "20";

/// A sandbox as the host's engine has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// What it was asked for with.
    pub spec: SandboxSpec,
    /// Whether it runs.
    pub alive: bool,
}

/// Why a sandbox is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseOfDeath {
    /// `out_of_memory`, `machine_restarted`, `host_engine_restarted`, `sandbox_died` or `sandbox_gone`.
    pub code: &'static str,
    /// For the log.
    pub detail: String,
}

/// What a sandbox takes at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxUsage {
    /// Memory in use, without what the kernel only caches.
    pub memory_bytes: Option<u64>,
    /// Memory that belongs to its processes and to no file.
    pub anonymous_bytes: Option<u64>,
    /// What it has written beyond the lab images.
    pub disk_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

impl Sandboxes {
    /// All sandboxes of this runner, alive or dead, but for those that are just being made.
    ///
    /// # Errors
    /// The engine doesn't answer.
    pub async fn list(&self) -> Result<Vec<Listed>, SandboxError> {
        let mut listed = Vec::new();
        for container in self.containers(true).await? {
            let Some(spec) = claim::spec_of(&container) else { continue };
            if spec.role == Role::Golden || self.making().contains(&spec.id) {
                continue;
            }
            listed.push(Listed { spec, alive: container.state == Some(ContainerSummaryStateEnum::RUNNING) });
        }
        Ok(listed)
    }

    /// The way into a living sandbox that an earlier process of this runner made.
    ///
    /// # Errors
    /// [`SandboxError::Gone`] and [`SandboxError::Died`], or an agent that doesn't answer.
    pub async fn adopt(&self, id: SandboxId) -> Result<Sandbox, SandboxError> {
        let listed = self.list().await?.into_iter().find(|listed| listed.spec.id == id);
        let spec = listed.ok_or(SandboxError::Gone(id))?.spec;
        if let Some(cause) = self.cause_of_death(id).await? {
            return Err(SandboxError::Died { detail: cause.detail });
        }
        let found = self.find(id).await?.ok_or(SandboxError::Gone(id))?;
        if spec.role == Role::Warm && !self.is_up_to_date(&found).await {
            return Err(SandboxError::Outdated(id));
        }
        let container = found.id.unwrap_or_default();
        let agent = self.reach_agent(id, &container, Instant::now() + ADOPT_PATIENCE).await?;
        Ok(Sandbox { spec, container, agent })
    }

    /// Adopts every living sandbox of this runner. One whose agent doesn't answer is left out, and said in the log.
    ///
    /// # Errors
    /// The engine doesn't answer.
    pub async fn adopt_all(&self) -> Result<Vec<Sandbox>, SandboxError> {
        let living = self.list().await?.into_iter().filter(|listed| listed.alive);
        let adoptions =
            living.map(|listed| async move { (listed.spec.id, self.adopt(listed.spec.id).await) });
        let mut adopted = Vec::new();
        for (id, result) in futures::future::join_all(adoptions).await {
            match result {
                Ok(sandbox) => adopted.push(sandbox),
                Err(error) => tracing::warn!(sandbox = %id, %error, "a living sandbox can't be adopted"),
            }
        }
        Ok(adopted)
    }

    /// Removes a sandbox with its volume. One that isn't there, or only in part, is fine.
    ///
    /// # Errors
    /// What could not be removed; it can be tried again.
    pub async fn remove(&self, id: SandboxId) -> Result<(), SandboxError> {
        if let Some(container) = self.find(id).await? {
            self.remove_container(container.id.as_deref().unwrap_or_default()).await?;
        }
        self.inner.store.delete(id).await
    }

    /// Removes every sandbox of this runner that isn't to be kept, and the volumes of sandboxes that are gone. Those of other
    /// runners and other installations are left alone. Gives what was removed.
    ///
    /// # Errors
    /// The first thing that could not be removed.
    pub async fn reap(&self, keep: &HashSet<SandboxId>) -> Result<Vec<SandboxId>, SandboxError> {
        // Volumes first: a sandbox that is made in between has its volume before its container.
        let mut doomed: HashSet<SandboxId> = self.inner.store.ids()?.into_iter().collect();
        let containers = self.containers(true).await?;
        for container in &containers {
            match claim::spec_of(container) {
                Some(spec) => drop(doomed.insert(spec.id)),
                None => self.remove_container(container.id.as_deref().unwrap_or_default()).await?,
            }
        }
        let mut removed = Vec::new();
        for id in doomed {
            if keep.contains(&id) || self.making().contains(&id) {
                continue;
            }
            self.remove(id).await?;
            removed.push(id);
        }
        Ok(removed)
    }

    /// Removes the volumes of sandboxes that have no container any more.
    ///
    /// # Errors
    /// The first thing that could not be removed.
    pub async fn sweep(&self) -> Result<(), SandboxError> {
        let volumes = self.inner.store.ids()?;
        let containers = self.containers(true).await?;
        let keep: HashSet<SandboxId> =
            containers.iter().filter_map(claim::spec_of).map(|spec| spec.id).collect();
        for id in volumes {
            if !keep.contains(&id) && !self.making().contains(&id) {
                self.inner.store.delete(id).await?;
            }
        }
        Ok(())
    }

    /// Why a sandbox is dead; none while it lives.
    ///
    /// # Errors
    /// The engine doesn't answer.
    pub async fn cause_of_death(&self, id: SandboxId) -> Result<Option<CauseOfDeath>, SandboxError> {
        let gone = || {
            let detail = "its container is no longer there".to_owned();
            Ok(Some(CauseOfDeath { code: "sandbox_gone", detail }))
        };
        let Some(name) = self.find(id).await?.and_then(|found| found.id) else { return gone() };
        let container = match self.inner.docker.inspect_container(&name, None).await {
            Ok(container) => container,
            Err(error) if status(&error) == Some(404) => return gone(),
            Err(source) => return Err(SandboxError::engine("look at a sandbox", source)),
        };
        let state = container.state.unwrap_or_default();
        if state.running.unwrap_or(false) {
            return Ok(None);
        }
        let code = if state.oom_killed.unwrap_or(false) {
            "out_of_memory"
        } else {
            self.end_from_outside(&state).await.unwrap_or("sandbox_died")
        };
        let mut detail = format!("exit code {}", state.exit_code.unwrap_or_default());
        for part in [state.error.unwrap_or_default(), self.last_words(&name).await] {
            if !part.trim().is_empty() {
                detail.push_str(&format!("; {}", part.trim()));
            }
        }
        Ok(Some(CauseOfDeath { code, detail }))
    }

    /// What took a sandbox with it, if it did not end by itself.
    async fn end_from_outside(&self, state: &ContainerState) -> Option<&'static str> {
        let started = state.started_at.as_deref()?.parse().ok()?;
        let inner = &self.inner;
        host_engine::restarted_since(&inner.docker, inner.settings.docker_host.as_deref(), started).await
    }

    /// What a sandbox takes at the moment.
    ///
    /// # Errors
    /// The engine doesn't answer, or there is no such sandbox.
    pub async fn usage(&self, id: SandboxId) -> Result<SandboxUsage, SandboxError> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let container = self.find(id).await?.and_then(|found| found.id).ok_or(SandboxError::Gone(id))?;
        let mut stats = std::pin::pin!(self.inner.docker.stats(&container, Some(options)));
        let stats = match stats.next().await {
            Some(Ok(stats)) => stats,
            Some(Err(source)) => return Err(SandboxError::engine("measure a sandbox", source)),
            None => return Err(SandboxError::Gone(id)),
        };
        let memory = stats.memory_stats.unwrap_or_default();
        let parts = memory.stats.unwrap_or_default();
        let anonymous_bytes = parts.get("total_rss").or_else(|| parts.get("anon")).copied();
        let memory_bytes = memory.usage.map(|usage| {
            // As `docker stats` counts: version 1 of control groups calls it one way, version 2 the other.
            let cached = parts.get("total_inactive_file").or_else(|| parts.get("inactive_file")).copied();
            usage.saturating_sub(cached.unwrap_or(0))
        });
        let pids = stats.pids_stats.and_then(|pids| pids.current);
        Ok(SandboxUsage {
            memory_bytes,
            anonymous_bytes,
            disk_bytes: self.inner.store.used_bytes(id).await?,
            pids,
        })
    }

    /// Whether a sandbox can write hardly anything more to its disk: its quota is used up, or there is no room for anybody.
    ///
    /// # Errors
    /// The volume store can't be asked.
    pub async fn is_disk_full(&self, id: SandboxId) -> Result<bool, SandboxError> {
        let left = self.inner.store.left_bytes(id).await?;
        // The kernel sets some aside for what it writes about the data, so nobody ever gets at the very last bytes.
        Ok(left < self.inner.settings.limits.disk_bytes / 64)
    }

    /// What the disk that holds the volumes has left, and what this runner's sandboxes have written to it.
    ///
    /// # Errors
    /// The volume store can't be asked.
    pub async fn disk_space(&self) -> Result<DiskSpace, SandboxError> {
        self.inner.store.space().await
    }

    /// Removes the containers of the whole installation.
    pub(super) async fn remove_all_containers(&self) -> Result<(), SandboxError> {
        for container in self.containers(false).await? {
            self.remove_container(container.id.as_deref().unwrap_or_default()).await?;
        }
        Ok(())
    }

    /// Stops the sandboxes of this installation, of whichever runner, and keeps their volumes: for a machine whose whole system
    /// goes down. A runner that merely restarts leaves them running. Says how many ran.
    ///
    /// # Errors
    /// The engine doesn't answer, or a container does not stop.
    pub async fn halt(&self) -> Result<usize, SandboxError> {
        let listed = self.containers(false).await?;
        let running =
            listed.iter().filter(|container| container.state == Some(ContainerSummaryStateEnum::RUNNING));
        let ids: Vec<&str> = running.filter_map(|container| container.id.as_deref()).collect();
        host_engine::stop_containers(&self.inner.docker, &ids).await
    }

    /// A sandbox's container. Not by its name, which tells whose it is and so may change.
    pub(super) async fn find(&self, id: SandboxId) -> Result<Option<ContainerSummary>, SandboxError> {
        let installation = format!("{INSTALLATION}={}", self.inner.settings.installation);
        Ok(self.labelled(vec![installation, format!("{SANDBOX}={id}")]).await?.pop())
    }

    /// Containers of the installation, and of this runner alone or of all.
    async fn containers(&self, of_this_runner: bool) -> Result<Vec<ContainerSummary>, SandboxError> {
        let settings = &self.inner.settings;
        let mut labels = vec![format!("{INSTALLATION}={}", settings.installation)];
        if of_this_runner {
            labels.push(format!("{RUNNER}={}", settings.runner));
        }
        self.labelled(labels).await
    }

    async fn labelled(&self, labels: Vec<String>) -> Result<Vec<ContainerSummary>, SandboxError> {
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let options =
            ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        let listed = self.inner.docker.list_containers(Some(options)).await;
        listed.map_err(|source| SandboxError::engine("list sandboxes", source))
    }

    /// Kills and removes a container, and waits until it is gone.
    pub(super) async fn remove_container(&self, name: &str) -> Result<(), SandboxError> {
        let deadline = Instant::now() + REMOVAL_PATIENCE;
        loop {
            let options =
                RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
            match self.inner.docker.remove_container(name, Some(options)).await {
                Ok(()) => return Ok(()),
                Err(error) if status(&error) == Some(404) => return Ok(()),
                // Somebody else removes it already, or it dies more slowly than the engine cares to wait for, as on a machine that is
                // busy or while it is being started.
                Err(error) if matches!(status(&error), Some(409 | 500)) && Instant::now() < deadline => {
                    tokio::time::sleep(REMOVAL_PAUSE).await;
                }
                Err(source) => return Err(SandboxError::engine("remove a sandbox", source)),
            }
        }
    }

    async fn last_words(&self, name: &str) -> String {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(LAST_LINES).build();
        let mut logs = std::pin::pin!(self.inner.docker.logs(name, Some(options)));
        let mut text = String::new();
        // A log that can't be read is only missing from the message.
        while let Some(Ok(part)) = logs.next().await {
            text.push_str(&part.to_string());
        }
        text
    }
}
