//! What the checks know when they judge.

use std::collections::BTreeMap;

use super::observation::{Observation, Observed};
use super::plan::{Plan, StepId};
use super::subject::Subject;
use crate::dockerfile::StageGraph;
use crate::lab::Lab;

/// The files, and what an engine did with them, as one check sees them.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) lab: &'a Lab,
    pub(super) subject: &'a Subject<'a>,
    /// Empty when only the files are judged.
    pub(super) plan: &'a Plan,
    pub(super) observations: &'a BTreeMap<&'a StepId, &'a Observation>,
    /// The id of the check under judgement.
    pub(super) current: &'a str,
}

impl<'a> Facts<'a> {
    /// The stages, unless a build would refuse the Dockerfile at once: another check says why then.
    pub(super) fn graph(&self) -> Option<&'a StageGraph<'a>> {
        self.subject.graph.as_ref().filter(|_| self.subject.dockerfile_fault().is_none())
    }

    /// What became of a step.
    pub(super) fn observed(&self, step: &StepId) -> Option<&'a Observed> {
        self.observations.get(step).map(|observation| &observation.observed)
    }

    /// Whether the check under judgement is the first of those that need this step: that one tells when the step
    /// went wrong, and the others are skipped.
    pub(super) fn is_first_to_need(&self, step: &StepId) -> bool {
        let found = self.plan.steps.iter().find(|planned| planned.id == *step);
        found.and_then(|step| step.asked_by.first()).is_none_or(|check| check == self.current)
    }
}
