//! Labs as cards, steps and checks.

use containrlab_domain::lab::Lab;
use containrlab_store::{LabState, LabStateWord};
use containrlab_web_templates::{LabCard, LabCheck, LabProgress, LabStep};

use crate::markdown;

/// A lab's card, with how far the learner is.
pub(crate) fn lab_card(lab: &Lab, state: Option<&LabState>) -> LabCard {
    let level = lab.level.as_str();
    let mut letters = level.chars();
    LabCard {
        slug: lab.slug.to_string(),
        order: lab.order,
        title: lab.title.clone(),
        summary: lab.summary.clone(),
        level: letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default(),
        minutes: lab.minutes,
        tags: lab.tags.clone(),
        progress: match state.map(|state| state.state) {
            None => LabProgress::NotStarted,
            Some(LabStateWord::InProgress | LabStateWord::Tried) => LabProgress::InProgress,
            Some(LabStateWord::Passed) => LabProgress::Passed,
        },
        active_session: state.and_then(|state| state.active_session).map(|session| session.to_string()),
    }
}

/// A lab's steps.
pub(crate) fn lab_steps(lab: &Lab) -> Vec<LabStep> {
    lab.steps
        .iter()
        .map(|step| LabStep { title: step.title.clone(), text: markdown::render(&step.text) })
        .collect()
}

/// What the judge looks at.
pub(crate) fn lab_checks(lab: &Lab) -> Vec<LabCheck> {
    lab.checks
        .iter()
        .map(|check| LabCheck { title: check.title.clone(), detail: check.why.clone().unwrap_or_default() })
        .collect()
}
