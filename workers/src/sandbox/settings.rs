//! What sandboxes depend on. The cli reads it once from the environment.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use containrlab_domain::ids::RunnerId;

use super::egress::{Destination, Egress};
use super::limits::Limits;
use super::site::NetworkSite;
use crate::images::ImageSettings;

/// Settings of a [`super::Sandboxes`].
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// The host's engine (DOCKER_HOST); none: where Docker's own client looks.
    pub docker_host: Option<String>,
    /// Keeps this system's containers, networks and volumes apart from those of another on the same engine, such as a test's:
    /// 1 to 40 lower-case letters, digits and hyphens (REDIS_NAMESPACE).
    pub installation: String,
    /// The runner that the sandboxes belong to. Has to stay the same over restarts, or nothing is adopted.
    pub runner: RunnerId,
    /// Where volumes lie (STATE_DIR). Not on an overlay file system.
    pub state_dir: PathBuf,
    /// Size of the sparse file that all volumes lie in; it takes room only as it fills (SANDBOX_STORE_BYTES).
    pub store_bytes: u64,
    /// How volumes are kept (SANDBOX_STORE).
    pub store: StoreKind,
    /// How the images are made.
    pub images: ImageSettings,
    /// An image to run instead of our own (SANDBOX_IMAGE); it has to hold an agent of the same version.
    pub sandbox_image: Option<String>,
    /// The OCI runtime (SANDBOX_RUNTIME); none: the engine's own default.
    pub runtime: Option<String>,
    /// What bounds each sandbox.
    pub limits: Limits,
    /// What sandboxes reach outside (EGRESS).
    pub egress: Egress,
    /// Whether a runner starts although the host's firewall can't be set, so that sandboxes reach the host's own services, private
    /// networks and a cloud's metadata (SANDBOXES_MAY_REACH_HOST). Under [`Egress::Open`] only: whoever asked for a narrower policy
    /// must not be left without it.
    pub may_reach_host: bool,
    /// What they reach although it is private, or that alone: a package proxy of the company, say (EGRESS_ALLOW).
    pub egress_allow: Vec<Destination>,
    /// Resolvers that sandboxes ask for names (SANDBOX_DNS); none: those that the host asks.
    pub dns: Vec<Ipv4Addr>,
    /// Mirror and proxy of the network around.
    pub site: NetworkSite,
    /// How long a new sandbox's engine may take to answer.
    pub ready_timeout: Duration,
}

/// How volumes are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// btrfs where it can be had, else plain folders.
    #[default]
    Auto,
    /// btrfs in a loop file; nothing starts without.
    Btrfs,
    /// Plain folders: each sandbox starts with a full copy, and there is no quota.
    Folders,
}

impl std::str::FromStr for StoreKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "btrfs" => Ok(Self::Btrfs),
            "folders" => Ok(Self::Folders),
            _ => Err(format!("volumes are kept as `auto`, `btrfs` or `folders`, not as `{text}`")),
        }
    }
}

impl SandboxSettings {
    /// Settings with everything at its default but what has none.
    pub fn new(
        installation: impl Into<String>,
        runner: RunnerId,
        state_dir: PathBuf,
        images: ImageSettings,
    ) -> Self {
        Self {
            docker_host: None,
            installation: installation.into(),
            runner,
            state_dir,
            store_bytes: 64 << 30,
            store: StoreKind::Auto,
            images,
            sandbox_image: None,
            runtime: None,
            limits: Limits::default(),
            egress: Egress::Open,
            may_reach_host: false,
            egress_allow: Vec::new(),
            dns: Vec::new(),
            site: NetworkSite::default(),
            ready_timeout: Duration::from_secs(60),
        }
    }
}
