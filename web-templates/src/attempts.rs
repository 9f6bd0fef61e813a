//! The list of a person's attempts.

use askama::Template;
use jiff::Timestamp;

use crate::{Shell, words};

/// `/attempts`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/attempts.html")]
pub struct AttemptsPage {
    /// The frame.
    pub shell: Shell,
    /// Newest first.
    pub attempts: Vec<AttemptRow>,
}

/// An attempt in a list.
#[derive(Clone, Debug, Default)]
pub struct AttemptRow {
    /// The attempt's id; leads to `/attempts/{id}`.
    pub id: String,
    /// The lab's name in URLs.
    pub lab_slug: String,
    /// The lab's title.
    pub lab_title: String,
    /// Which of this person's attempts in this lab it is, from 1.
    pub number: u32,
    /// What became of it.
    pub state: AttemptState,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// How long judging took, in milliseconds; `None` while it runs.
    pub millis: Option<u64>,
    /// How many findings it has.
    pub findings: u32,
}

impl AttemptRow {
    pub(crate) fn outcome(&self) -> String {
        match self.state {
            AttemptState::Waiting | AttemptState::Judging | AttemptState::Inconclusive => {
                self.state.label().to_owned()
            }
            AttemptState::Passed => "Passed".to_owned(),
            AttemptState::Failed => words::count(u64::from(self.findings), "finding", "findings"),
        }
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttemptState {
    /// Waits for a judge.
    #[default]
    Waiting,
    /// Is being judged.
    Judging,
    /// Everything is right.
    Passed,
    /// Something is wrong; the findings say what.
    Failed,
    /// The platform could not tell; not the learner's fault.
    Inconclusive,
}

impl AttemptState {
    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting for a judge",
            Self::Judging => "Being judged",
            Self::Passed => "Passed",
            Self::Failed => "Not yet",
            Self::Inconclusive => "Inconclusive",
        }
    }

    /// The word that CSS classes use.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Judging => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "unsure",
        }
    }
}
