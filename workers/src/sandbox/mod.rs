//! Sandboxes: each an unprivileged container with a rootless Docker engine of its own, on a volume of its own.
//!
//! [`Sandboxes`] is the only way in: it prepares the machine (images, golden volume, network), makes sandboxes, finds
//! them again after a restart of the runner, and removes them.
//!
//! Architecture invariant: nothing here is remembered that a restart could lose. What exists stands in the engine, under labels,
//! and in the names of the volumes.

mod agent_client;
mod baseline;
mod claim;
mod container;
mod create;
mod egress;
mod error;
mod firewall;
mod golden;
mod host;
mod host_engine;
mod labels;
mod limits;
mod lock;
mod network;
mod settings;
mod site;
mod survey;
mod volumes;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::Docker;
use bollard::models::SystemInfo;
use containrlab_domain::ids::SandboxId;
use tokio::sync::RwLock;

pub use self::agent_client::*;
pub use self::egress::{Destination, Egress};
pub use self::error::SandboxError;
pub use self::host_engine::stop_all_containers;
pub use self::labels::{INSTALLATION, LEASE, ROLE, RUNNER, Role, SANDBOX, SESSION, SandboxSpec};
pub use self::limits::Limits;
pub use self::settings::{SandboxSettings, StoreKind};
pub use self::site::NetworkSite;
pub use self::survey::{CauseOfDeath, Listed, SandboxUsage};

use self::egress::AllowList;
use self::golden::Prepared;
use self::network::SandboxNetwork;
pub use self::volumes::DiskSpace;
use self::volumes::VolumeStore;
use crate::images::{Images, Progress};

/// The learner's user and group in every sandbox.
pub const LEARNER_UID: u32 = 1000;

/// The sandboxes of one runner. Clones share everything.
#[derive(Debug, Clone)]
pub struct Sandboxes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    docker: Docker,
    host: SystemInfo,
    settings: SandboxSettings,
    store: VolumeStore,
    network: SandboxNetwork,
    allowed: AllowList,
    images: Images,
    prepared: RwLock<Option<Prepared>>,
    /// Sandboxes that are being made right now, which no clean-up may take for left-overs.
    making: Mutex<HashSet<SandboxId>>,
}

/// A sandbox that lives. Clones share the connection to its agent.
#[derive(Debug, Clone)]
pub struct Sandbox {
    spec: SandboxSpec,
    container: String,
    agent: AgentClient,
}

impl Sandbox {
    /// Its id.
    pub fn id(&self) -> SandboxId {
        self.spec.id
    }

    /// What it was asked for with.
    pub fn spec(&self) -> &SandboxSpec {
        &self.spec
    }

    /// The engine's id of its container, for logs.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The way into it.
    pub fn agent(&self) -> &AgentClient {
        &self.agent
    }
}

impl Sandboxes {
    /// Connects to the host's engine and opens the volume store.
    ///
    /// # Errors
    /// [`SandboxError::EngineUnreachable`], or a volume store that can't be had.
    pub async fn connect(settings: SandboxSettings) -> Result<Self, SandboxError> {
        check_installation(&settings.installation)?;
        let (docker, host) = host_engine::connect(settings.docker_host.as_deref()).await?;
        host_engine::check_runtime(settings.runtime.as_deref(), &host)?;
        let store = {
            let _lock = lock::exclusive(&settings.state_dir).await?;
            VolumeStore::open(&settings).await?
        };
        let network = SandboxNetwork::of(&settings.installation);
        let allowed = AllowList::new(&settings.egress_allow);
        let images = Images::new(docker.clone(), settings.images.clone());
        let inner = Inner {
            docker,
            host,
            settings,
            store,
            network,
            allowed,
            images,
            prepared: RwLock::new(None),
            making: Mutex::new(HashSet::new()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes what sandboxes need and isn't there: images, the golden volume, the network. Quick when all is there.
    ///
    /// # Errors
    /// Whatever could not be made.
    pub async fn prepare(&self, progress: Progress<'_>) -> Result<(), SandboxError> {
        // Two processes would each make the whole of it.
        let _lock = lock::exclusive(&self.inner.settings.state_dir).await?;
        let inner = &self.inner;
        inner.network.ensure(&inner.docker).await?;
        self.close_network().await?;
        let prepared = self.make_golden(progress).await?;
        *self.inner.prepared.write().await = Some(prepared);
        Ok(())
    }

    /// Closes to sandboxes what they may not reach.
    async fn close_network(&self) -> Result<(), SandboxError> {
        let Inner { network, settings, allowed, .. } = &*self.inner;
        match network.close(settings, allowed).await {
            Err(error) if settings.egress == Egress::Open && settings.may_reach_host => {
                tracing::warn!(%error, "SANDBOXES_MAY_REACH_HOST is set, so sandboxes start without a firewall");
                Ok(())
            }
            closed => closed,
        }
    }

    /// Keeps the firewall as it should be, for ever: at what the names on the allow list lead to, and in force when somebody else of
    /// this machine (another firewall's reload) has swept it away.
    pub async fn keep_egress(&self) {
        loop {
            tokio::time::sleep(egress::LOOK_UP_EVERY).await;
            if let Err(error) = self.close_network().await {
                tracing::error!(%error, "the firewall stays as it is; it is set again in a minute");
            }
        }
    }

    /// Makes the images anew, with the newest packages, and the golden volume of them.
    ///
    /// # Errors
    /// Whatever could not be made.
    pub async fn rebuild_images(&self, progress: Progress<'_>) -> Result<(), SandboxError> {
        {
            let _lock = lock::exclusive(&self.inner.settings.state_dir).await?;
            self.inner.images.ensure(true, progress).await?;
        }
        self.prepare(progress).await
    }

    /// The images that every sandbox starts with: by name, the engine's hash of their content. None before
    /// [`Sandboxes::prepare`].
    pub async fn lab_images(&self) -> BTreeMap<String, String> {
        self.inner.prepared.read().await.as_ref().map(|prepared| prepared.images.clone()).unwrap_or_default()
    }

    /// Whether each sandbox has a disk quota on this machine.
    pub fn has_disk_quota(&self) -> bool {
        self.inner.store.has_quota()
    }

    /// Removes everything of this installation from the machine: sandboxes of whichever runner, volumes, the network and, if no
    /// other installation uses it, the volume store. Images stay.
    ///
    /// # Errors
    /// The first thing that could not be removed.
    pub async fn clean(&self) -> Result<(), SandboxError> {
        let _lock = lock::exclusive(&self.inner.settings.state_dir).await?;
        *self.inner.prepared.write().await = None;
        self.remove_all_containers().await?;
        self.inner.network.remove(&self.inner.docker).await?;
        self.inner.store.clean(&self.inner.settings.installation).await
    }

    /// The images that sandboxes are made of.
    pub fn images(&self) -> &Images {
        &self.inner.images
    }

    /// Removes the images that we made from the host's engine.
    ///
    /// # Errors
    /// The engine doesn't answer.
    pub async fn remove_images(&self) -> Result<(), SandboxError> {
        self.inner.images.remove_all().await
    }

    fn making(&self) -> MutexGuard<'_, HashSet<SandboxId>> {
        self.inner.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_installation(name: &str) -> Result<(), SandboxError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=40).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(SandboxError::Installation(name.to_owned()))
}
