//! The list of labs.

use askama::Template;

use crate::Shell;

/// `/labs`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/labs.html")]
pub struct LabsPage {
    /// The frame.
    pub shell: Shell,
    /// The labs in the order to be taken.
    pub labs: Vec<LabCard>,
}

impl LabsPage {
    /// How many labs this person has passed.
    pub(crate) fn passed(&self) -> usize {
        self.labs.iter().filter(|lab| lab.progress == LabProgress::Passed).count()
    }
}

/// What is told of a lab before it is opened. Also heads the lab's own page.
#[derive(Clone, Debug, Default)]
pub struct LabCard {
    /// The lab's name in URLs.
    pub slug: String,
    /// Place in the course, from 1.
    pub order: u32,
    /// Title.
    pub title: String,
    /// One or two sentences, plain text.
    pub summary: String,
    /// "Beginner", "Intermediate" …; empty hides it.
    pub level: String,
    /// How long it takes; 0 hides it.
    pub minutes: u32,
    /// Topics.
    pub tags: Vec<String>,
    /// How far this person is.
    pub progress: LabProgress,
    /// The session that is live in this lab now, if there is one: the card leads straight back to it.
    pub active_session: Option<String>,
}

/// How far a person is in a lab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabProgress {
    /// Never opened a session.
    #[default]
    NotStarted,
    /// Has had a session and not passed yet.
    InProgress,
    /// Has a passed attempt.
    Passed,
}

impl LabProgress {
    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotStarted => "Not started",
            Self::InProgress => "In progress",
            Self::Passed => "Passed",
        }
    }

    /// The word that CSS classes use.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::NotStarted => "new",
            Self::InProgress => "going",
            Self::Passed => "passed",
        }
    }
}
