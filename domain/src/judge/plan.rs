//! What has to be done with an attempt, as data for whoever has an engine.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::checks::LogExpectation;
use super::container_spec::ContainerSpec;
use super::http_expectation::HttpExpectation;
use super::planner::Planner;
use super::subject::Subject;
use crate::lab::{Lab, LabFiles, Limits};

/// Name of a step within a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The steps of a judgement. Each stands after those that it needs; steps that need not one another may be done side
/// by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<PlanStep>,
    /// The lab's limits.
    pub limits: Limits,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Its name.
    pub id: StepId,
    /// Steps that must have gone well before: see [`super::Observed::lets_go_on`]. When one has not, the step is
    /// answered with [`super::Observed::NotDone`].
    pub needs: Vec<StepId>,
    /// Steps that must be over before, however they went.
    #[serde(default)]
    pub after: Vec<StepId>,
    /// The ids of the checks that look at it, in the lab's order.
    pub asked_by: Vec<String>,
    /// What to do.
    pub action: Action,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Build the workspace with its Dockerfile, under a tag that later steps use, and answer `Build`.
    Build {
        /// Cut it off after this.
        timeout_seconds: u32,
    },
    /// Change these files at their end by a newline and blanks, build again under another tag with the first build's
    /// cache in place, put the files back, and answer `Build`. The number of blanks must be one that no build with this
    /// cache has seen: otherwise the changed files themselves are cached, and nothing is proved.
    Rebuild {
        /// Files to change; none: the very same build again.
        touch: Vec<String>,
        /// Cut it off after this.
        timeout_seconds: u32,
    },
    /// Build once more without any cache, under a tag of its own, and answer `Build`.
    BuildAnew {
        /// Cut it off after this.
        timeout_seconds: u32,
    },
    /// Compare the files of the two images that `Build` and `BuildAnew` made, layer by layer, times left out, and answer
    /// `Difference`.
    CompareImages {
        /// Patterns, as in `.dockerignore`, of paths that may differ.
        ignore: Vec<String>,
    },
    /// Look at the built image and answer `Image`.
    InspectImage,
    /// Read the layers that the build put on its base image and answer `Layers`.
    ReadLayers {
        /// Patterns, as in `.dockerignore`, of paths to look for.
        paths: Vec<String>,
        /// Texts to look for in all files.
        texts: Vec<String>,
    },
    /// Start a container of the built image and answer `Run`. It stays up for the steps that need it and is removed
    /// at the end.
    Run {
        /// How it is started.
        container: ContainerSpec,
        /// Watch for a moment whether it falls over: no later step would notice.
        settle: bool,
    },
    /// Remove the container of the step `run`, start another one like it with the same volume, and answer `Run`.
    RunAnew {
        /// The step that started the container before.
        run: StepId,
    },
    /// Start a container of the built image, wait for its end, and answer `Ended`.
    RunToEnd {
        /// How it is started.
        container: ContainerSpec,
        /// Stop it after this.
        within_seconds: u32,
    },
    /// Send the container of the step `run` a SIGTERM, kill it when the time is over, and answer `Stopped`.
    Stop {
        /// The step that started the container.
        run: StepId,
        /// Seconds until it is killed.
        within_seconds: u32,
    },
    /// Ask the container of the step `run` until [`HttpExpectation::is_met`] or the time is over, and answer `Http`
    /// with the last answer. Stop early when the container is gone.
    Http {
        /// The step that started the container.
        run: StepId,
        /// What to ask and what to wait for.
        expect: HttpExpectation,
        /// Seconds from the container's start.
        within_seconds: u32,
    },
    /// Watch the container's health and answer `Health`.
    Health {
        /// The step that started the container.
        run: StepId,
        /// Seconds from the container's start.
        within_seconds: u32,
    },
    /// Read the container's output until it holds what is wanted or the time is over, and answer `Logs`.
    Logs {
        /// The step that started the container.
        run: StepId,
        /// What is wanted.
        expect: LogExpectation,
        /// Seconds from the container's start.
        within_seconds: u32,
    },
    /// Add up the resident memory of the container's processes and answer `Memory`.
    Memory {
        /// The step that started the container.
        run: StepId,
    },
    /// Have Docker read the compose file and answer `ComposeConfig`.
    ComposeConfig,
    /// Build what the services of the project are built of and answer `Build`.
    ComposeBuild {
        /// Cut it off after this.
        timeout_seconds: u32,
    },
    /// Start the project, wait until its services are as they will be, and answer `Compose`.
    ComposeUp {
        /// Seconds for that.
        within_seconds: u32,
        /// Wait until those that have a health check are healthy or unhealthy.
        healthy: bool,
    },
    /// Look at the services of the started project once more, and answer `Compose`.
    ComposeLook,
    /// Take the project down and up again, once nobody else asks it anything, and answer `Compose`.
    ComposeAnew {
        /// Seconds for the start.
        within_seconds: u32,
    },
    /// Ask a service of the project as `Http` asks a container, and answer `Http`.
    ServiceHttp {
        /// The service.
        service: String,
        /// Ask at the machine's own port rather than at the service's.
        published: bool,
        /// What to ask and what to wait for.
        expect: HttpExpectation,
        /// Seconds from the first question.
        within_seconds: u32,
    },
    /// Look whether a service gets a connection to another one and answer `Reach`.
    Reach {
        /// Who asks; none: somebody outside of the project.
        from: Option<String>,
        /// Who is asked.
        to: String,
        /// Port of its container.
        port: u16,
        /// Try again for so many seconds.
        within_seconds: u32,
    },
    /// Take the facts about the learner's own engine as they were kept at the submission, and answer `Session`, or
    /// `SessionGone` when there are none.
    LookAtSession,
    /// Run a lab's own script in a container of its own and answer `Script`.
    Script {
        /// The image of that container.
        image: String,
        /// The script, for `sh`.
        script: String,
        /// What it runs beside.
        beside: ScriptPlace,
        /// Stop it after this.
        timeout_seconds: u32,
    },
}

/// What a lab's own script runs beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "beside", rename_all = "snake_case")]
pub enum ScriptPlace {
    /// The workspace's files.
    Files,
    /// The container of the step `run`, whose network it shares.
    Container {
        /// The step that started the container.
        run: StepId,
    },
    /// The services of the compose project, in all of its networks.
    Compose,
}

impl Action {
    /// Whether it builds something, which keeps a processor busy.
    pub fn is_build(&self) -> bool {
        matches!(
            self,
            Self::Build { .. } | Self::Rebuild { .. } | Self::BuildAnew { .. } | Self::ComposeBuild { .. }
        )
    }

    /// The container that this step watches closely enough to see it fall over.
    pub(super) fn watched(&self) -> Option<&StepId> {
        match self {
            Self::Http { run, .. } | Self::Health { run, .. } | Self::Logs { run, .. } => Some(run),
            _ => None,
        }
    }

    /// The container that this step looks at, if it looks at one.
    pub(super) fn container(&self) -> Option<&StepId> {
        match self {
            Self::Memory { run } | Self::Stop { run, .. } | Self::RunAnew { run } => Some(run),
            other => other.watched(),
        }
    }
}

impl Plan {
    /// What a lab's checks need to have done with these files. No step that needs an image when no build could start;
    /// the static checks then say why.
    pub fn for_lab(lab: &Lab, files: &LabFiles) -> Self {
        let dockerfile = Subject::dockerfile(files);
        let subject = Subject::new(files, dockerfile.as_ref());
        let mut planner = Planner::new(&subject, lab);
        for check in &lab.checks {
            planner.ask_for(&check.id);
            check.kind.rule().plan(&mut planner);
        }
        planner.finish()
    }
}
