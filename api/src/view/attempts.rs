//! Attempts in lists.

use containrlab_domain::verdict::VerdictStatus;
use containrlab_store::{AttemptRow as StoredAttempt, AttemptState as StoredState};
use containrlab_web_templates::{AttemptRow, AttemptState};

use crate::services::reads::lab_title;
use crate::state::App;

/// Attempts as rows, in the order given.
pub(crate) fn attempt_rows(app: &App, attempts: &[StoredAttempt]) -> Vec<AttemptRow> {
    attempts.iter().map(|attempt| attempt_row(app, attempt)).collect()
}

fn attempt_row(app: &App, attempt: &StoredAttempt) -> AttemptRow {
    AttemptRow {
        id: attempt.attempt_id.to_string(),
        lab_slug: attempt.lab.slug.to_string(),
        lab_title: lab_title(app, &attempt.lab.slug),
        number: attempt.number,
        state: state(attempt),
        submitted_at: attempt.submitted_at,
        millis: millis(attempt),
        findings: attempt
            .verdict
            .as_ref()
            .map_or(0, |verdict| u32::try_from(verdict.failures.len()).unwrap_or(u32::MAX)),
    }
}

/// What became of an attempt.
pub(super) fn state(attempt: &StoredAttempt) -> AttemptState {
    match (attempt.state, attempt.status) {
        (StoredState::Submitted, _) => AttemptState::Waiting,
        (StoredState::Judging, _) => AttemptState::Judging,
        (StoredState::Judged, Some(VerdictStatus::Passed)) => AttemptState::Passed,
        (StoredState::Judged, Some(VerdictStatus::Failed)) => AttemptState::Failed,
        (StoredState::Judged, _) => AttemptState::Inconclusive,
    }
}

/// From the submission to the verdict.
pub(super) fn millis(attempt: &StoredAttempt) -> Option<u64> {
    u64::try_from(attempt.judged_at?.duration_since(attempt.submitted_at).as_millis()).ok()
}
