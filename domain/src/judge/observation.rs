//! What an engine did with a plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::StepId;
use super::progress::BuildReport;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageObserved {
    /// All layers together, uncompressed, as `docker image inspect` gives it.
    pub size_bytes: u64,
    /// Number of layers with content.
    pub layers: u32,
    /// Size and creating instruction of each layer, lowest first, as `docker history` gives them.
    #[serde(default)]
    pub history: Vec<(u64, String)>,
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
}

impl Observed {
    /// Whether the steps that need this one make sense.
    pub fn lets_go_on(&self) -> bool {
        match self {
            Self::Build(build) => build.exit_code == Some(0),
            Self::Run(run) => run.state == ContainerState::Running,
            Self::Image(_) | Self::Http(_) | Self::Health(_) => true,
            Self::Fault { .. } | Self::NotDone => false,
        }
    }
}
