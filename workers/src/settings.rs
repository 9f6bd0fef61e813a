//! What a runner has to be told. The cli reads it once from the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use containrlab_domain::workspace::WorkspaceLimits;

use crate::sandbox::SandboxSettings;

/// What a sandbox is promised of the disk unless the operator says otherwise: an image or two of a learner's own.
pub const DISK_PROMISED_BYTES: u64 = 1 << 30;

/// Settings of a runner.
#[derive(Clone)]
pub struct Settings {
    /// What people call it (the host's name).
    pub name: String,
    /// Where its gateway listens (RUNNER_LISTEN); port 0: any free one.
    pub listen: SocketAddr,
    /// Where the api reaches its gateway (RUNNER_ADVERTISE), such as `http://10.0.0.5:9000`; none: where it listens.
    pub advertise: Option<String>,
    /// What the api must show to be let in (RUNNER_TOKEN).
    pub token: String,
    /// Where the labs lie (LABS_DIR).
    pub labs_dir: PathBuf,
    /// Where the runner keeps its id, and its sandboxes their volumes (STATE_DIR).
    pub state_dir: PathBuf,
    /// Sandboxes of learners at once (RUNNER_CAPACITY); none: computed from the machine's memory.
    pub capacity: Option<usize>,
    /// Sandboxes that wait for learners.
    pub warm: WarmSettings,
    /// Attempts that are judged at once, each in a sandbox of its own beside those of learners.
    pub judges: usize,
    /// Bytes of disk that have to be left for each sandbox before another one starts (SANDBOX_DISK_PROMISED_BYTES); never more than
    /// a sandbox may take.
    pub disk_promised_bytes: u64,
    /// How much a workspace may hold (FILE_LIMIT_BYTES, WORKSPACE_LIMIT_BYTES, WORKSPACE_LIMIT_FILES).
    pub workspace_limits: WorkspaceLimits,
    /// How long running jobs may take to end once the runner is told to stop.
    pub shutdown_grace: Duration,
    /// A file to make once sessions are taken, for whoever waits for it.
    pub ready_file: Option<PathBuf>,
    /// How sandboxes are made.
    pub sandboxes: SandboxSettings,
}

/// How many sandboxes are kept ready before anybody asks for them; by default none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WarmSettings {
    /// While nobody asks for any (SANDBOX_WARM_MIN).
    pub min: usize,
    /// However many ask (SANDBOX_WARM_MAX); 0: none at all.
    pub max: usize,
}

impl std::fmt::Debug for Settings {
    /// Leaves the token out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("listen", &self.listen)
            .field("state_dir", &self.state_dir)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Settings with everything at its default but what has none. The runner's id in `sandboxes` comes from
    /// [`crate::runner::identity`].
    pub fn new(token: impl Into<String>, labs_dir: PathBuf, sandboxes: SandboxSettings) -> Self {
        Self {
            name: "runner".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: None,
            token: token.into(),
            labs_dir,
            state_dir: sandboxes.state_dir.clone(),
            capacity: None,
            warm: WarmSettings::default(),
            judges: 1,
            disk_promised_bytes: DISK_PROMISED_BYTES,
            workspace_limits: WorkspaceLimits::default(),
            shutdown_grace: Duration::from_secs(30),
            ready_file: None,
            sandboxes,
        }
    }
}
