//! How checks ask for steps.

use std::collections::BTreeMap;

use super::plan::{Action, Plan, PlanStep, StepId};
use super::subject::Subject;
use crate::lab::Limits;

/// A plan in the making. A step's name says what it does, so that two checks that need the same thing share a step.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) limits: Limits,
    /// A build would not refuse the Dockerfile at once.
    can_build: bool,
    steps: Vec<PlanStep>,
    /// The id of the check that asks.
    asking: String,
}

impl<'a> Planner<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, limits: Limits) -> Self {
        let can_build = subject.dockerfile_fault().is_none();
        Self { subject, limits, can_build, steps: Vec::new(), asking: String::new() }
    }

    /// From here on, this check asks.
    pub(super) fn ask_for(&mut self, check: &str) {
        check.clone_into(&mut self.asking);
    }

    pub(super) fn finish(self) -> Plan {
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
    pub(super) fn run(&mut self, ports: &[u16], env: &BTreeMap<String, String>) -> Option<StepId> {
        let build = self.build()?;
        let mut own: Vec<u16> = ports.to_vec();
        own.sort_unstable();
        own.dedup();
        let action = Action::Run { ports: own, env: env.clone(), memory_mib: self.limits.memory_mib };
        let step = self.step_or(run_step(), &[build], action, |planned| {
            if let Action::Run { ports: open, env: set, .. } = planned {
                open.extend(ports);
                open.sort_unstable();
                open.dedup();
                set.extend(env.clone());
            }
        });
        Some(step)
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
