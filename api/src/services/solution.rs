//! A lab's solution: shown after a pass, or by leave, and written down.

use std::collections::BTreeMap;

use bytes::Bytes;
use containrlab_domain::attempt::{Attempt, AttemptCommand, AttemptError};
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_store::AttemptRow;

use crate::Error;
use crate::extract::Asker;
use crate::state::App;

/// How a learner stands with a lab's solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not to be seen yet.
    NotYet,
    /// To be had for the asking.
    Offered,
    /// Shown before.
    Shown,
}

/// How a learner with these attempts in a lab stands with its solution.
pub(crate) fn standing(attempts: &[AttemptRow]) -> Standing {
    if shown_beside(attempts).is_some() {
        return Standing::Shown;
    }
    match attempts.iter().any(has_passed) {
        true => Standing::Offered,
        false => Standing::NotYet,
    }
}

fn has_passed(attempt: &AttemptRow) -> bool {
    attempt.ever_passed
}

/// The newest attempt beside which the solution was shown.
fn shown_beside(attempts: &[AttemptRow]) -> Option<&AttemptRow> {
    attempts.iter().find(|attempt| attempt.solution_shown_at.is_some())
}

/// Shows the solution beside the newest attempt that has passed. Shown before, be it by an instructor's leave (`containrlab attempts
/// show-solution`), it stays beside the attempt of then.
///
/// # Errors
/// [`AttemptError::SolutionNotYet`].
pub(crate) async fn show(app: &App, asker: &Asker, lab: &Lab) -> Result<AttemptRow, Error> {
    let attempts = app.store.attempts_of(asker.learner, Some(&lab.slug), None).await?;
    if let Some(shown) = shown_beside(&attempts) {
        return Ok(shown.clone());
    }
    let passed = attempts.iter().find(|attempt| has_passed(attempt));
    let id = passed.ok_or(Error::Attempt(AttemptError::SolutionNotYet))?.attempt_id;
    let command = AttemptCommand::ShowSolution { leave: false };
    app.store.execute::<Attempt>(id.0, command, &asker.provenance()).await?;
    app.store.attempt(id).await?.ok_or(Error::NoSuchAttempt)
}

/// The attempt beside which the solution was shown.
///
/// # Errors
/// [`AttemptError::SolutionNotYet`].
pub(crate) async fn shown(app: &App, asker: &Asker, lab: &Lab) -> Result<AttemptRow, Error> {
    let attempts = app.store.attempts_of(asker.learner, Some(&lab.slug), None).await?;
    shown_beside(&attempts).cloned().ok_or(Error::Attempt(AttemptError::SolutionNotYet))
}

/// The files that an attempt handed in, as far as a comparison with the solution needs their contents.
pub(crate) async fn own_files(app: &App, lab: &LabFiles, attempt: &AttemptRow) -> Result<OwnFiles, Error> {
    let tree = app.store.tree(&attempt.tree_hash).await?.unwrap_or_default();
    let wanted: Vec<_> = tree
        .files
        .iter()
        .filter(|(path, _)| lab.contains_key(path.as_str()))
        .map(|(_, entry)| entry.hash.clone())
        .collect();
    let blobs = app.store.blobs(&wanted).await?;
    let mut own = OwnFiles::default();
    for (path, entry) in &tree.files {
        match blobs.get(&entry.hash).filter(|_| lab.contains_key(path.as_str())) {
            Some(bytes) => drop(own.compared.insert(path.to_string(), bytes.clone())),
            None => own.others.push(path.to_string()),
        }
    }
    Ok(own)
}

/// Files that an attempt handed in.
#[derive(Debug, Default)]
pub(crate) struct OwnFiles {
    /// Those that the solution has too.
    pub(crate) compared: BTreeMap<String, Bytes>,
    /// The paths of the others.
    pub(crate) others: Vec<String>,
}
