//! Labs as cards, steps and checks.

use std::collections::HashMap;

use containrlab_domain::ids::LabSlug;
use containrlab_domain::lab::Lab;
use containrlab_store::{LabState, LabStateWord};
use containrlab_web_templates::{LabCard, LabCheck, LabProgress, LabStep, Prerequisite};

use crate::markdown;
use crate::services::reads::lab_title;
use crate::state::App;

/// A lab's card, with how far the learner is in it and in those that are better done before.
pub(crate) fn lab_card(app: &App, lab: &Lab, states: &HashMap<LabSlug, LabState>) -> LabCard {
    let state = states.get(&lab.slug);
    let before = |slug: &LabSlug| Prerequisite {
        slug: slug.to_string(),
        title: lab_title(app, slug),
        passed: states.get(slug).is_some_and(|state| state.state == LabStateWord::Passed),
    };
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
        prerequisites: lab.prerequisites.iter().map(before).collect(),
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
        .map(|step| LabStep {
            id: step.id.clone(),
            title: step.title.clone(),
            text: markdown::render(&step.text),
        })
        .collect()
}

/// What the judge looks at.
pub(crate) fn lab_checks(lab: &Lab) -> Vec<LabCheck> {
    lab.checks
        .iter()
        .map(|check| LabCheck { title: check.title.clone(), detail: check.why.clone().unwrap_or_default() })
        .collect()
}
