//! How checks ask for steps.

use super::checks::{CheckKind, service_run};
use super::compose_file;
use super::container_spec::ContainerSpec;
use super::http_expectation::HttpExpectation;
use super::plan::{Action, Plan, PlanStep, StepId};
use super::subject::Subject;
use crate::lab::{Lab, Limits};

/// Seconds that a compose project gets in any case.
const LEAST: u32 = 30;

/// A plan in the making. A step's name says what it does, so that two checks that need the same thing share a step.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) lab: &'a Lab,
    pub(super) limits: Limits,
    can_build: bool,
    steps: Vec<PlanStep>,
    /// The id of the check that asks.
    asking: String,
}

impl<'a> Planner<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, lab: &'a Lab) -> Self {
        let can_build = subject.dockerfile_fault().is_none();
        Self { subject, lab, limits: lab.limits, can_build, steps: Vec::new(), asking: String::new() }
    }

    /// From here on, this check asks.
    pub(super) fn ask_for(&mut self, check: &str) {
        check.clone_into(&mut self.asking);
    }

    pub(super) fn finish(mut self) -> Plan {
        let watched: Vec<StepId> =
            self.steps.iter().filter_map(|step| step.action.watched().cloned()).collect();
        for step in &mut self.steps {
            if let Action::Run { settle, .. } = &mut step.action {
                *settle = !watched.contains(&step.id);
            }
        }
        self.let_disturbers_wait();
        Plan { steps: self.steps, limits: self.limits }
    }

    /// Adds a step; when one of that name is there already, only notes that this check needs it too. Steps that it
    /// needs have to be added before it.
    pub(super) fn step(&mut self, id: StepId, needs: &[StepId], action: Action) -> StepId {
        self.step_or(id, needs, action, |_| {})
    }

    /// The build of the workspace; `None` when none could start, so that nothing that needs an image is planned. The
    /// static checks say why then.
    pub(super) fn build(&mut self) -> Option<StepId> {
        let action = Action::Build { timeout_seconds: self.limits.build_seconds };
        self.can_build.then(|| self.step(build_step(), &[], action))
    }

    /// A container of the built image with these ports open. One container serves all checks that only ask it
    /// something: it opens every port that one of them asks. `None` when no build could start.
    pub(super) fn run(&mut self, ports: &[u16]) -> Option<StepId> {
        let build = self.build()?;
        let container = ContainerSpec { ports: ports.to_vec(), ..self.container() };
        let action = Action::Run { container, settle: false };
        let step = self.step_or(run_step(), &[build], action, |planned| {
            if let Action::Run { container, .. } = planned {
                container.ports.extend(ports);
                container.ports.sort_unstable();
                container.ports.dedup();
            }
        });
        Some(step)
    }

    /// A container for one check alone. `None` when no build could start.
    pub(super) fn run_own(&mut self, id: StepId, container: ContainerSpec) -> Option<StepId> {
        let build = self.build()?;
        Some(self.step(id, &[build], Action::Run { container, settle: false }))
    }

    /// How a container is started: within the lab's limits, with the variables that the app gets for
    /// the lab's `http` checks.
    pub(super) fn container(&self) -> ContainerSpec {
        let given = self.lab.checks.iter().filter_map(|check| match &check.kind {
            CheckKind::Http(http) if http.service.is_none() => Some(http.env.clone()),
            _ => None,
        });
        ContainerSpec {
            memory_mib: self.limits.memory_mib,
            env: given.flatten().collect(),
            ..ContainerSpec::default()
        }
    }

    /// Asks a container something over HTTP.
    pub(super) fn ask(&mut self, run: &StepId, expect: &HttpExpectation, within_seconds: u32) -> StepId {
        let action = Action::Http { run: run.clone(), expect: expect.clone(), within_seconds };
        self.step(http_step(run, expect), std::slice::from_ref(run), action)
    }

    /// The facts about the learner's own engine.
    pub(super) fn session(&mut self) -> StepId {
        self.step(session_step(), &[], Action::LookAtSession)
    }

    /// What Docker makes of the compose file; `None` when there is none.
    pub(super) fn compose_config(&mut self) -> Option<StepId> {
        compose_file::name(self.subject.files)?;
        Some(self.step(compose_config_step(), &[], Action::ComposeConfig))
    }

    /// The compose project, started. One start serves all checks: it has as long as the most patient of them gives. `None`
    /// when there is no compose file.
    pub(super) fn compose_up(&mut self, within_seconds: u32, healthy: bool) -> Option<StepId> {
        let config = self.compose_config()?;
        let build = Action::ComposeBuild { timeout_seconds: self.limits.build_seconds };
        let build = self.step(compose_build_step(), &[config], build);
        let within = within_seconds.max(LEAST);
        let action = Action::ComposeUp { within_seconds: within, healthy };
        let step = self.step_or(compose_up_step(), &[build], action, |planned| {
            if let Action::ComposeUp { within_seconds, healthy: waits } = planned {
                *within_seconds = within.max(*within_seconds);
                *waits |= healthy;
            }
        });
        Some(step)
    }

    /// The services of the started project once more, after everybody has asked them what there is to ask: one may fall over only
    /// then. `None` when there is no compose file.
    pub(super) fn compose_look(&mut self) -> Option<StepId> {
        compose_file::name(self.subject.files)?;
        Some(self.step(compose_look_step(), &[compose_up_step()], Action::ComposeLook))
    }

    /// Asks a service of a started project something over HTTP.
    pub(super) fn ask_service(
        &mut self,
        up: &StepId,
        service: &str,
        published: bool,
        expect: &HttpExpectation,
        within_seconds: u32,
    ) -> StepId {
        let id = http_step(&service_run(up, service, published), expect);
        let (service, expect) = (service.to_owned(), expect.clone());
        let action = Action::ServiceHttp { service, published, expect, within_seconds };
        self.step(id, std::slice::from_ref(up), action)
    }

    /// Whoever looks at what has become of the project waits for everybody who asks it something, and who takes it down for
    /// that look, too.
    fn let_disturbers_wait(&mut self) {
        let rank = |step: &PlanStep| match step.action {
            Action::ComposeLook => 1,
            Action::ComposeAnew { .. } => 2,
            _ => 0,
        };
        let asking: Vec<(StepId, u8)> = self
            .steps
            .iter()
            .filter(|step| step.needs.contains(&compose_up_step()))
            .map(|step| (step.id.clone(), rank(step)))
            .collect();
        for step in &mut self.steps {
            let own = rank(step);
            if own > 0 {
                let before = asking.iter().filter(|(_, other)| *other < own);
                step.after = before.map(|(id, _)| id.clone()).collect();
            }
        }
    }

    /// Lets a step wait until another one has gone well.
    pub(super) fn need(&mut self, step: &StepId, other: &StepId) {
        if let Some(planned) = self.steps.iter_mut().find(|planned| planned.id == *step)
            && !planned.needs.contains(other)
        {
            planned.needs.push(other.clone());
        }
    }

    /// Lets a step wait for the end of another one, however that goes.
    pub(super) fn wait(&mut self, step: &StepId, other: &StepId) {
        if let Some(planned) = self.steps.iter_mut().find(|planned| planned.id == *step)
            && !planned.after.contains(other)
        {
            planned.after.push(other.clone());
        }
    }

    /// Lets a step wait for those that this check or an earlier one has asked of the same container.
    pub(super) fn after_all_on(&mut self, run: &StepId, step: &StepId) {
        let before: Vec<StepId> = self
            .steps
            .iter()
            .take_while(|planned| planned.id != *step)
            .filter(|planned| planned.needs.contains(run))
            .map(|planned| planned.id.clone())
            .collect();
        if let Some(planned) = self.steps.iter_mut().find(|planned| planned.id == *step) {
            planned.after = before;
        }
    }

    /// Like [`Planner::step`], but lets the caller widen the step that is there already.
    pub(super) fn step_or(
        &mut self,
        id: StepId,
        needs: &[StepId],
        action: Action,
        widen: impl FnOnce(&mut Action),
    ) -> StepId {
        match self.steps.iter_mut().find(|step| step.id == id) {
            Some(step) => {
                widen(&mut step.action);
                if !step.asked_by.contains(&self.asking) {
                    step.asked_by.push(self.asking.clone());
                }
            }
            None => self.steps.push(PlanStep {
                id: id.clone(),
                needs: needs.to_vec(),
                after: Vec::new(),
                asked_by: vec![self.asking.clone()],
                action,
            }),
        }
        id
    }
}

pub(super) fn build_step() -> StepId {
    StepId("build".to_owned())
}

pub(super) fn run_step() -> StepId {
    StepId("run".to_owned())
}

/// The step that asks this of this container.
pub(super) fn http_step(run: &StepId, expect: &HttpExpectation) -> StepId {
    StepId(format!("{run}: {}", expect.name()))
}

pub(super) fn compose_config_step() -> StepId {
    StepId("compose config".to_owned())
}

pub(super) fn compose_build_step() -> StepId {
    StepId("compose build".to_owned())
}

pub(super) fn compose_up_step() -> StepId {
    StepId("compose up".to_owned())
}

pub(super) fn compose_look_step() -> StepId {
    StepId("compose look".to_owned())
}

pub(super) fn session_step() -> StepId {
    StepId("session".to_owned())
}
