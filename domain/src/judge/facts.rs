//! What the checks know when they judge.

use std::collections::BTreeMap;

use super::compose_observation::ComposeObserved;
use super::observation::{Observation, Observed};
use super::plan::{Plan, StepId};
use super::planner::{compose_look_step, compose_up_step};
use super::subject::Subject;
use crate::dockerfile::StageGraph;
use crate::lab::Lab;
use crate::verdict::Place;

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

    /// Whether the check under judgement is the first of those that found this container gone: that one tells.
    pub(super) fn is_first_to_see_end(&self, run: &StepId) -> bool {
        let on_it = self.plan.steps.iter().filter(|step| step.action.container() == Some(run));
        let mut ended = on_it.filter(|step| self.observed(&step.id).is_some_and(Observed::saw_end));
        ended.next().and_then(|step| step.asked_by.first()).is_some_and(|check| check == self.current)
    }

    /// The compose project as it was when it was last looked at before anybody took it down.
    pub(super) fn project(&self) -> Option<&'a ComposeObserved> {
        [compose_look_step(), compose_up_step()].iter().find_map(|step| match self.observed(step) {
            Some(Observed::Compose(project)) => Some(project),
            _ => None,
        })
    }

    /// How long a step took, in seconds.
    pub(super) fn seconds(&self, step: &StepId) -> Option<f64> {
        self.observations.get(step).map(|observation| observation.seconds)
    }

    /// The last instruction of one of these names that the image has from this file; the last `FROM` when there is none.
    pub(super) fn place_of(&self, keywords: &[&str]) -> Option<Place> {
        let graph = self.graph()?;
        let last = graph.last()?;
        let named = graph
            .chain(last.index)
            .flat_map(|stage| stage.steps.iter().rev())
            .find(|step| keywords.contains(&step.instruction.keyword.as_str()));
        Some(self.subject.place(named.map_or(last.span, |step| step.instruction.span)))
    }

    /// The instruction of which an image's history speaks: `RUN /bin/sh -c make # buildkit`.
    pub(super) fn place_of_layer(&self, created_by: &str) -> Option<Place> {
        let graph = self.graph()?;
        let said = created_by.trim_end_matches("# buildkit").trim();
        // `RUN |1 VERSION=2 /bin/sh -c make` for a step that sees an ARG.
        let (keyword, rest) = said.split_once(' ')?;
        let rest = rest.split_once("/bin/sh -c ").map_or(rest, |(_, command)| command);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let steps = graph.chain(graph.last()?.index).flat_map(|stage| stage.steps.iter().rev());
        let mut named = steps.map(|step| step.instruction).filter(|step| step.keyword == keyword);
        let same = |text: &str| {
            let text: Vec<&str> = text.split_whitespace().collect();
            text == words || text.ends_with(&words) || words.ends_with(&text)
        };
        named.find(|step| same(&step.text)).map(|step| self.subject.place(step.span))
    }
}
