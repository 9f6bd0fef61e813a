//! What has to be done with an attempt, as data for whoever has an engine.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::check::CheckKind;
use super::checks::{Expected, HttpExpectation};
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
        /// Files to change.
        touch: Vec<String>,
        /// Cut it off after this.
        timeout_seconds: u32,
    },
    /// Look at the built image and answer `Image`.
    InspectImage,
    /// Start a container from the built image with these ports reachable, give it a moment to fall over, and answer
    /// `Run`. It stays up for the steps that need it and is removed at the end.
    Run {
        /// Container ports that are to be reachable.
        ports: Vec<u16>,
        /// Environment variables.
        env: BTreeMap<String, String>,
        /// Memory limit.
        memory_mib: u32,
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
}

impl Plan {
    /// What a lab's checks need to have done with these files. No step at all when no build could start; the static
    /// checks then say why.
    pub fn for_lab(lab: &Lab, files: &LabFiles) -> Self {
        let mut plan = Self { steps: Vec::new(), limits: lab.limits };
        let dockerfile = Subject::dockerfile(files);
        let subject = Subject::new(files, dockerfile.as_ref());
        if subject.dockerfile_fault().is_some() {
            return plan;
        }
        for check in &lab.checks {
            plan.add(&check.kind, lab, &subject);
        }
        plan
    }

    fn add(&mut self, check: &CheckKind, lab: &Lab, subject: &Subject<'_>) {
        match check {
            CheckKind::Build(_) => {
                self.build();
            }
            CheckKind::BuildCache(check) => {
                let build = self.build();
                let action = Action::Rebuild {
                    touch: check.touched(subject),
                    timeout_seconds: self.limits.build_seconds,
                };
                self.step(rebuild_step(&check.touch), &[build], action);
            }
            CheckKind::ImageSize(_) => {
                let build = self.build();
                self.step(image_step(), &[build], Action::InspectImage);
            }
            CheckKind::Http(check) => {
                let run = self.run(lab);
                let action = Action::Http {
                    run: run.clone(),
                    expect: check.expectation(),
                    within_seconds: check.within_seconds,
                };
                self.step(http_step(&check.expectation()), &[run], action);
            }
            CheckKind::Health(check) => {
                let run = self.run(lab);
                let action = Action::Health { run: run.clone(), within_seconds: check.within_seconds };
                self.step(health_step(), &[run], action);
            }
            CheckKind::DockerfileExists(_)
            | CheckKind::DockerignoreExists(_)
            | CheckKind::ContextExcludes(_)
            | CheckKind::DependenciesFirst(_)
            | CheckKind::NoPipCache(_)
            | CheckKind::MultiStage(_)
            | CheckKind::CopiesFromStage(_)
            | CheckKind::LeanFinalStage(_) => {}
        }
    }

    fn build(&mut self) -> StepId {
        let action = Action::Build { timeout_seconds: self.limits.build_seconds };
        self.step(build_step(), &[], action)
    }

    /// One container serves all checks that only ask it something: it opens every port that one of them asks.
    fn run(&mut self, lab: &Lab) -> StepId {
        let build = self.build();
        let mut ports: Vec<u16> = Vec::new();
        let mut env = BTreeMap::new();
        for check in &lab.checks {
            if let CheckKind::Http(http) = &check.kind {
                ports.push(http.port);
                env.extend(http.env.clone());
            }
        }
        ports.sort_unstable();
        ports.dedup();
        self.step(run_step(), &[build], Action::Run { ports, env, memory_mib: self.limits.memory_mib })
    }

    /// Adds a step once.
    fn step(&mut self, id: StepId, needs: &[StepId], action: Action) -> StepId {
        if !self.steps.iter().any(|step| step.id == id) {
            self.steps.push(PlanStep { id: id.clone(), needs: needs.to_vec(), action });
        }
        id
    }
}

pub(super) fn build_step() -> StepId {
    StepId("build".to_owned())
}

pub(super) fn rebuild_step(touch: &[String]) -> StepId {
    StepId(format!("rebuild {}", touch.join(" ")))
}

pub(super) fn image_step() -> StepId {
    StepId("image".to_owned())
}

pub(super) fn run_step() -> StepId {
    StepId("run".to_owned())
}

pub(super) fn http_step(expect: &HttpExpectation) -> StepId {
    // Two checks that ask the same but expect different things are two steps.
    let expected = match &expect.expected {
        Expected { body_contains: None, json: None, .. } => String::new(),
        other => format!(" {}", serde_json::to_string(other).unwrap_or_default()),
    };
    StepId(format!("http {}{} {}{expected}", expect.port, expect.path, expect.expected.status))
}

pub(super) fn health_step() -> StepId {
    StepId("health".to_owned())
}
