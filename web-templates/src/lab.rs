//! A lab's own page.

use askama::Template;
use jiff::Timestamp;

use crate::attempts::AttemptRow;
use crate::{LabCard, Shell, TrustedHtml};
use crate::{static_files, words};

/// `/labs/{slug}`. The start form posts `idempotency_key` and `from` (a session id to go on from, or empty for a
/// fresh start) to `/labs/{slug}/start`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/lab.html")]
pub struct LabPage {
    /// The frame.
    pub shell: Shell,
    /// What the list says of the lab.
    pub lab: LabCard,
    /// The lab's introduction.
    pub text: TrustedHtml,
    /// Its steps, in order.
    pub steps: Vec<LabStep>,
    /// What the judge looks at, in words.
    pub checks: Vec<LabCheck>,
    /// Which ways to begin are offered.
    pub start: StartChoice,
    /// Value of the start form's `idempotency_key`: a fresh random id for each rendering.
    pub idempotency_key: String,
    /// How this person stands with the lab's solution.
    pub solution: SolutionStanding,
    /// Value of the `idempotency_key` of the form that shows it.
    pub solution_key: String,
    /// This person's attempts in this lab, newest first.
    pub attempts: Vec<AttemptRow>,
}

/// File names that are told of a workspace before the rest is counted.
const NAMED: usize = 6;

impl LabPage {
    /// How many files there are, in words.
    fn count(&self, files: &[String]) -> String {
        words::count(files.len() as u64, "file", "files")
    }

    /// The first of some files.
    fn named<'f>(&self, files: &'f [String]) -> &'f [String] {
        &files[..files.len().min(NAMED)]
    }

    /// How many files are not among these first, in words; empty when all are.
    fn and_more(&self, files: &[String]) -> String {
        let rest = files.len().saturating_sub(NAMED);
        if rest == 0 { String::new() } else { format!("and {rest} more") }
    }

    /// What the session page will need, for the browser to fetch while the person reads.
    fn session_assets(&self) -> String {
        let urls: Vec<_> = static_files::paths()
            .filter(|path| {
                path.starts_with("js/") || path.starts_with("vendor/") || *path == "css/session.css"
            })
            .filter(|path| !path.ends_with("LICENSE"))
            .map(crate::asset_url)
            .collect();
        urls.join(" ")
    }

    fn is_fresh(&self) -> bool {
        matches!(self.start, StartChoice::Fresh)
    }

    fn active(&self) -> Option<(&str, &str)> {
        match &self.start {
            StartChoice::Active { session, sentence } => Some((session, sentence)),
            _ => None,
        }
    }

    fn resume(&self) -> Option<(&str, &Timestamp, &[String])> {
        match &self.start {
            StartChoice::Resume { session, saved_at, files } => Some((session, saved_at, files)),
            _ => None,
        }
    }
}

/// How somebody stands with a lab's solution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SolutionStanding {
    /// Not to be seen yet.
    #[default]
    NotYet,
    /// To be had for the asking, which is written down.
    Offered,
    /// Shown before.
    Shown,
}

impl SolutionStanding {
    pub(crate) fn is_offered(self) -> bool {
        self == Self::Offered
    }

    pub(crate) fn is_shown(self) -> bool {
        self == Self::Shown
    }
}

/// One step of a lab's text.
#[derive(Clone, Debug, Default)]
pub struct LabStep {
    /// Its anchor, without the `step-` before it.
    pub id: String,
    /// Title, plain text.
    pub title: String,
    /// The step.
    pub text: TrustedHtml,
}

/// One check of a lab, described for the learner.
#[derive(Clone, Debug, Default)]
pub struct LabCheck {
    /// Short name, e.g. "The image builds".
    pub title: String,
    /// A sentence more; may be empty.
    pub detail: String,
}

/// Which ways to begin a lab are offered.
#[derive(Clone, Debug, Default)]
pub enum StartChoice {
    /// No session yet: one Start button.
    #[default]
    Fresh,
    /// A session is live: go back to it.
    Active {
        /// Its id.
        session: String,
        /// How it stands.
        sentence: String,
    },
    /// An ended session left a workspace: go on from it, or start afresh.
    Resume {
        /// The ended session whose workspace would be taken over (value of the form's `from`).
        session: String,
        /// When the workspace was last changed.
        saved_at: Timestamp,
        /// The files that it holds.
        files: Vec<String>,
    },
}
