//! The list of labs.

use std::collections::BTreeSet;

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

    /// The levels that there are, in the order of the labs.
    fn levels(&self) -> Vec<&str> {
        let mut levels: Vec<&str> = Vec::new();
        for lab in &self.labs {
            if !lab.level.is_empty() && !levels.contains(&lab.level.as_str()) {
                levels.push(&lab.level);
            }
        }
        levels
    }

    /// The topics that there are, by their letters.
    fn topics(&self) -> Vec<&str> {
        let topics: BTreeSet<&str> = self.labs.iter().flat_map(|lab| &lab.tags).map(String::as_str).collect();
        let mut topics: Vec<_> = topics.into_iter().collect();
        topics.sort_by_key(|topic| topic.to_lowercase());
        topics
    }

    /// Whether it is the lab to take next: the first that isn't passed and whose prerequisites are.
    fn is_next(&self, lab: &LabCard) -> bool {
        let can_be = |lab: &&LabCard| lab.progress != LabProgress::Passed && lab.waits_for().is_empty();
        self.labs.iter().find(can_be).is_some_and(|next| next.slug == lab.slug)
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
    /// Labs that are better done before.
    pub prerequisites: Vec<Prerequisite>,
    /// The session that is live in this lab now, if there is one: the card leads straight back to it.
    pub active_session: Option<String>,
}

impl LabCard {
    /// The prerequisites that this person has not passed.
    pub(crate) fn waits_for(&self) -> Vec<&Prerequisite> {
        self.prerequisites.iter().filter(|lab| !lab.passed).collect()
    }
}

/// A lab that is better done before another one.
#[derive(Clone, Debug, Default)]
pub struct Prerequisite {
    /// Its name in URLs.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Whether this person has passed it.
    pub passed: bool,
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
