//! What an engine did with a plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compose_observation::{ComposeConfigObserved, ComposeObserved, ReachObserved, ServiceObserved};
use super::plan::StepId;
use super::progress::BuildReport;
use super::session_facts::SessionFacts;

/// What became of one step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The step.
    pub step: StepId,
    /// How long it took.
    pub seconds: f64,
    /// What was seen.
    pub observed: Observed,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Observed {
    /// A build ran to its end, or to its time limit.
    Build(BuildObserved),
    /// An image was looked at.
    Image(ImageObserved),
    /// A container was started.
    Run(RunObserved),
    /// A container was asked over HTTP until it answered rightly or the time was over.
    Http(HttpObserved),
    /// A container's health was watched until it was healthy, unhealthy or the time was over.
    Health(HealthObserved),
    /// The layers of the built image were read.
    Layers(LayersObserved),
    /// Two images were compared.
    Difference(DifferenceObserved),
    /// A container ran to its end.
    Ended(EndedObserved),
    /// A container was asked to stop.
    Stopped(StoppedObserved),
    /// A container's output was read.
    Logs(LogsObserved),
    /// A container's memory was added up.
    Memory(MemoryObserved),
    /// A compose file was read.
    ComposeConfig(ComposeConfigObserved),
    /// A compose project was started.
    Compose(ComposeObserved),
    /// A connection between two services was tried.
    Reach(ReachObserved),
    /// The learner's own engine at the submission.
    Session(SessionFacts),
    /// The learner's sandbox was gone before anybody could look.
    SessionGone,
    /// A lab's own script ran.
    Script(ScriptObserved),
    /// The platform failed: engine gone, sandbox lost, disk of the host full. Never the learner's doing.
    Fault {
        /// What failed, for the operator.
        message: String,
    },
    /// Not done, because a step that it needs went wrong.
    NotDone,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildObserved {
    /// `docker build`'s exit code; `None` when it was cut off.
    pub exit_code: Option<i64>,
    /// It was cut off at the lab's limit.
    pub timed_out: bool,
    /// What BuildKit reported, read by [`super::progress`].
    pub report: BuildReport,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageObserved {
    /// All layers together, uncompressed, as `docker image inspect` gives it.
    pub size_bytes: u64,
    /// Number of layers with content.
    pub layers: u32,
    /// Size and creating instruction of each layer, lowest first, as `docker history` gives them.
    #[serde(default)]
    pub history: Vec<(u64, String)>,
    /// What it says about containers of it.
    #[serde(default)]
    pub config: ImageConfigObserved,
}

/// What an image says about containers of it, as `docker image inspect` gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfigObserved {
    /// User, and group behind a colon; empty is root.
    pub user: String,
    /// Exposed ports, such as `8000/tcp`.
    pub ports: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub cmd: Vec<String>,
    /// Working folder; empty is `/`.
    pub workdir: String,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
}

/// The layers that a build put on its base image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayersObserved {
    /// Paths of layers that a pattern of the plan matches, the first few of each layer.
    pub files: Vec<LayerHit>,
    /// Files of layers that hold a text of the plan, the first few of each layer.
    pub texts: Vec<LayerHit>,
}

/// Something that was looked for and is in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerHit {
    /// The instruction that made the layer, as the image's history has it.
    pub created_by: String,
    /// The file, without a leading slash.
    pub path: String,
    /// The text that it holds; absent when the path alone was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How two images of the same files differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceObserved {
    /// Paths whose content, mode or owner differs, or that only one image has: the first few, each with the instruction
    /// that made its layer.
    pub paths: Vec<LayerHit>,
    /// How many there are.
    pub count: u64,
}

/// A container that ran to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedObserved {
    /// At the end, or when the time was over.
    pub state: ContainerState,
    /// The beginning and the end of its output.
    #[serde(default)]
    pub log: String,
}

/// A container that was asked to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoppedObserved {
    /// The container just before it was asked.
    pub before: ContainerState,
    /// It had to be killed, because it ran on until the time was over.
    pub killed: bool,
    /// Its exit code.
    pub exit_code: i64,
    /// Seconds from SIGTERM to its end.
    pub after_seconds: f64,
    /// The last of its output.
    #[serde(default)]
    pub log: String,
}

/// A container's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogsObserved {
    /// The beginning and the end of its output.
    pub log: String,
    /// The container at the end of the reading.
    pub container: ContainerState,
}

/// A lab's own script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptObserved {
    /// Its exit code; `None` when it was stopped.
    pub exit_code: Option<i64>,
    /// The end of its output.
    pub output: String,
    /// The container beside which it ran, afterwards.
    #[serde(default)]
    pub container: Option<ContainerState>,
}

/// A container's memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryObserved {
    /// Resident memory of its processes together; what they share counts for each.
    pub resident_bytes: u64,
    /// How many processes.
    pub processes: u32,
    /// The container at that moment.
    pub container: ContainerState,
}

/// A container at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ContainerState {
    /// It runs.
    Running,
    /// Its first process is over.
    Exited {
        /// With this code.
        code: i64,
        /// Because it used more memory than it may.
        out_of_memory: bool,
    },
    /// It never started: no such program, no right to execute it.
    NotStarted {
        /// The engine's words.
        error: String,
    },
}

/// A container's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunObserved {
    /// Shortly after the start.
    pub state: ContainerState,
    /// The last of its output.
    #[serde(default)]
    pub log: String,
}

/// The answer, or the lack of one, at the end of the asking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpObserved {
    /// The last answer.
    pub response: Option<HttpResponse>,
    /// Why there was none: connection refused, reset, timed out.
    pub error: Option<String>,
    /// Seconds from the container's start to the last answer.
    pub after_seconds: f64,
    /// The container at the end of the asking.
    pub container: ContainerState,
    /// The addresses at which it listens, such as `127.0.0.1:8000`; looked at when nothing answered.
    #[serde(default)]
    pub listens: Vec<String>,
    /// The last of its output.
    #[serde(default)]
    pub log: String,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers by lower-case name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, cut at 64 KiB.
    pub body: String,
}

/// A container's health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthObserved {
    /// `healthy`, `unhealthy`, `starting`, or `none` when the image has no `HEALTHCHECK`.
    pub status: String,
    /// The last output of the health command.
    #[serde(default)]
    pub log: String,
    /// Seconds from the container's start.
    pub after_seconds: f64,
    /// The container at the end of the watching.
    pub container: ContainerState,
    /// The last of the container's own output, when it has ended.
    #[serde(default)]
    pub container_log: String,
}

impl Observed {
    /// Whether a container that was to be looked at had ended by itself.
    pub(super) fn saw_end(&self) -> bool {
        let state = match self {
            Self::Http(seen) if seen.response.is_none() => &seen.container,
            Self::Health(seen) => &seen.container,
            Self::Logs(seen) => &seen.container,
            Self::Memory(seen) => &seen.container,
            Self::Stopped(seen) => &seen.before,
            _ => return false,
        };
        *state != ContainerState::Running
    }

    /// Whether the steps that need this one make sense.
    pub fn lets_go_on(&self) -> bool {
        match self {
            Self::Build(build) => build.exit_code == Some(0),
            Self::Run(run) => run.state == ContainerState::Running,
            Self::Http(http) => http.response.is_some(),
            Self::Image(_)
            | Self::Health(_)
            | Self::Layers(_)
            | Self::Difference(_)
            | Self::Ended(_)
            | Self::Stopped(_)
            | Self::Logs(_)
            | Self::Memory(_)
            | Self::Reach(_)
            | Self::Script(_)
            | Self::Session(_) => true,
            Self::ComposeConfig(seen) => seen.config.is_some(),
            Self::Compose(seen) => seen.services.iter().any(ServiceObserved::runs),
            Self::Fault { .. } | Self::SessionGone | Self::NotDone => false,
        }
    }
}
