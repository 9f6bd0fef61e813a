//! Why a sandbox could not be had. Each variant says what a person reads; [`SandboxError::code`] is for events and counters.

use std::path::PathBuf;
use std::time::Duration;

use containrlab_domain::ids::SandboxId;

use super::agent_client::AgentError;

/// What can go wrong with sandboxes, their volumes and images.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// There is no engine at the address.
    #[error("no Docker engine answers at {host}: start one, or set DOCKER_HOST to one that runs ({source})")]
    EngineUnreachable {
        /// Where it was looked for.
        host: String,
        /// What the client says.
        source: bollard::errors::Error,
    },
    /// The engine doesn't have the OCI runtime that sandboxes are to run with.
    #[error(
        "the Docker engine has no runtime `{runtime}`, only {known}: set SANDBOX_RUNTIME to one of these, or add it to the engine"
    )]
    Runtime {
        /// The one that is asked for.
        runtime: String,
        /// Those that there are.
        known: String,
    },
    /// The network policy can't be put into force.
    #[error(
        "the firewall that keeps sandboxes from the host, private networks and a cloud's metadata (EGRESS={policy}) can't be set on \
         this machine: {source}. Give the runner the program and the right for it (iptables, CAP_NET_ADMIN){}",
        way_out(*policy)
    )]
    Egress {
        /// The policy.
        policy: super::Egress,
        /// Why not.
        source: Box<SandboxError>,
    },
    /// The engine refused something or broke off.
    #[error("the Docker engine could not {doing}: {source}")]
    Engine {
        /// What was asked for, as in "could not …".
        doing: &'static str,
        /// What the engine says.
        source: bollard::errors::Error,
    },
    /// `images.toml` or a folder that it names is wrong.
    #[error("{}: {why}", path.display())]
    ImageList {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The agent's program isn't built.
    #[error("the sandbox's agent is not at {}: build it with `cargo build -p containrlab-agent` ({source})", path.display())]
    AgentMissing {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An image could not be made.
    #[error("the image {name} could not be made:\n{detail}")]
    ImageBuild {
        /// Which image.
        name: String,
        /// The end of the log.
        detail: String,
    },
    /// A program of the host is missing or failed.
    #[error("{program} failed on this machine: {detail}")]
    Tool {
        /// Which program.
        program: String,
        /// What it says.
        detail: String,
    },
    /// A folder or file of the volume store could not be used.
    #[error("could not {doing} {}: {source}", path.display())]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The installation's name can't stand in names of containers and networks.
    #[error("`{0}` can't name an installation: 1 to 40 lower-case letters, digits and hyphens can")]
    Installation(String),
    /// A sandbox was asked for before [`super::Sandboxes::prepare`].
    #[error("the images for sandboxes are not prepared on this machine: run `containrlab images build`")]
    NotPrepared,
    /// The engine in the sandbox didn't answer in time.
    #[error("the sandbox's own engine did not answer within {} s{}", waited.as_secs(), after_colon(detail))]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// What the agent knows about why, and the end of the engine's log.
        detail: String,
    },
    /// The container ended by itself.
    #[error("the sandbox ended by itself{}", after_colon(detail))]
    Died {
        /// Exit code and the end of its log.
        detail: String,
    },
    /// There is no such sandbox (any more).
    #[error("the sandbox {0} is gone")]
    Gone(SandboxId),
    /// A warm sandbox was made of older images, or with other limits.
    #[error("the warm sandbox {0} is not what would be made today")]
    Outdated(SandboxId),
    /// The agent in the sandbox could not be reached or refused something.
    #[error("the agent in the sandbox: {0}")]
    Agent(#[from] AgentError),
    /// Preparing the golden volume failed inside of the sandbox that fills it.
    #[error("the lab images could not be put into the engine's store: {0}")]
    Golden(String),
}

impl SandboxError {
    /// A short code that stays the same while sentences change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EngineUnreachable { .. } => "host_engine_unreachable",
            Self::Runtime { .. } => "runtime_unknown",
            Self::Egress { .. } => "egress_not_enforced",
            Self::Engine { .. } => "host_engine_failed",
            Self::ImageList { .. } => "image_list_wrong",
            Self::AgentMissing { .. } => "agent_missing",
            Self::ImageBuild { .. } => "image_build_failed",
            Self::Tool { .. } => "host_tool_failed",
            Self::Storage { .. } => "volume_store_failed",
            Self::Installation(_) => "installation_name_wrong",
            Self::NotPrepared => "images_not_prepared",
            Self::NotReady { .. } => "sandbox_engine_not_ready",
            Self::Died { .. } => "sandbox_died",
            Self::Gone(_) => "sandbox_gone",
            Self::Outdated(_) => "sandbox_outdated",
            Self::Agent(_) => "sandbox_agent_failed",
            Self::Golden(_) => "golden_volume_failed",
        }
    }

    pub(crate) fn engine(doing: &'static str, source: bollard::errors::Error) -> Self {
        Self::Engine { doing, source }
    }

    pub(crate) fn storage(doing: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Storage { doing, path: path.into(), source }
    }
}

/// What else can be done about a firewall that can't be set.
fn way_out(policy: super::Egress) -> &'static str {
    match policy {
        super::Egress::Open => {
            ", or, where nothing on them has to be protected from learners, set SANDBOXES_MAY_REACH_HOST=true"
        }
        // Whoever asked for a narrow policy must not be left without it.
        super::Egress::Allowlist | super::Egress::None => "",
    }
}

fn after_colon(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}
