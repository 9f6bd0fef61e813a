//! The verdict: what an attempt was worth, and what to do next.

use askama::Template;
use jiff::Timestamp;

use crate::attempts::{AttemptRow, AttemptState};
use crate::lab::SolutionStanding;
use crate::words;

/// The results column of a session: the current verdict and the session's attempts. SSE event `verdict`; replaces
/// the whole column.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/verdict.html")]
pub struct VerdictPartial {
    /// The newest attempt.
    pub current: CurrentVerdict,
    /// This person's attempts in this lab, newest first.
    pub attempts: Vec<AttemptRow>,
    /// The lab's name in URLs, for the solution.
    pub lab_slug: String,
    /// How this person stands with the lab's solution.
    pub solution: SolutionStanding,
    /// Value of the `idempotency_key` of the form that shows it.
    pub solution_key: String,
}

impl VerdictPartial {
    fn judging(&self) -> Option<(u32, &str)> {
        match &self.current {
            CurrentVerdict::Judging { number, step } => Some((*number, step)),
            _ => None,
        }
    }

    fn done(&self) -> Option<&Verdict> {
        match &self.current {
            CurrentVerdict::Done(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// Findings link into the editor of the page that they stand in.
    fn in_session(&self) -> bool {
        true
    }

    /// Folded here, where room is scarce.
    fn checks_open(&self) -> bool {
        false
    }
}

/// The state of the newest attempt of a session.
#[derive(Clone, Debug, Default)]
pub enum CurrentVerdict {
    /// Nothing submitted yet.
    #[default]
    None,
    /// An attempt waits or is being judged.
    Judging {
        /// The attempt's number.
        number: u32,
        /// What happens now, e.g. "In line for a judge", "Building your image", "Asking /health".
        step: String,
    },
    /// Judged.
    Done(Box<Verdict>),
}

/// What the judge said of one attempt.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The attempt's id.
    pub attempt_id: String,
    /// The attempt's number in the lab.
    pub number: u32,
    /// `Passed`, `Failed` or `Inconclusive`.
    pub state: AttemptState,
    /// One sentence: "All 6 checks pass." / "2 of 6 checks fail." / "The judge could not finish; it will try again."
    pub sentence: String,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// How long judging took, in milliseconds.
    pub millis: Option<u64>,
    /// That it stands in an older verdict's place, if it does.
    pub again: Option<JudgedAgain>,
    /// All checks in their order; may be empty if only findings are known.
    pub checks: Vec<CheckRow>,
    /// What is wrong, most important first.
    pub findings: Vec<Finding>,
    /// The lab's name in URLs, where its text is.
    pub lab_slug: String,
    /// Figures, such as image size and build time.
    pub metrics: Vec<Metric>,
    /// Remarks that change nothing in the outcome.
    pub notes: Vec<String>,
}

/// That a verdict is not the first one on its attempt.
#[derive(Clone, Debug)]
pub struct JudgedAgain {
    /// When it was said.
    pub at: Timestamp,
    /// Why, as the rest of a sentence.
    pub because: Option<String>,
    /// What the verdict before said, in a sentence or two.
    pub before: Option<String>,
    /// It is no longer `Passed`, but an earlier one was.
    pub stays_passed: bool,
}

/// One check and how it came out.
#[derive(Clone, Debug, Default)]
pub struct CheckRow {
    /// What it looks at.
    pub title: String,
    /// How it came out.
    pub outcome: CheckOutcome,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Right.
    #[default]
    Passed,
    /// Wrong.
    Failed,
    /// Not reached, because an earlier one failed.
    Skipped,
}

impl CheckOutcome {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "not reached",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Stable code, e.g. `layer_order_incorrect`.
    pub code: String,
    /// What is wrong; `code` stands between backticks, here and in the two texts below.
    pub message: String,
    /// The file it is about, relative to the workspace; the link opens the editor there.
    pub file: Option<String>,
    /// The line in that file, from 1.
    pub line: Option<u32>,
    /// The text of the lines that it is about, beginning with that one; empty hides it.
    pub excerpt: String,
    /// Why it matters; empty hides it.
    pub why: String,
    /// How to go on; empty hides it. Folded until asked for. May be paragraphs and fenced blocks of code.
    pub hint: String,
    /// The part of the log that explains it, plain text with or without ANSI colours; empty hides it.
    pub log: String,
    /// The step of the lab's text that explains it.
    pub read_more: Option<ReadMore>,
    /// Id of the check that speaks, where the lab has hints about it; the session's page leads to them.
    pub hints_of: Option<String>,
}

/// A step of a lab's text.
#[derive(Clone, Debug, Default)]
pub struct ReadMore {
    /// Its id.
    pub step: String,
    /// Its heading.
    pub title: String,
}

impl Finding {
    /// `Dockerfile:7`, `Dockerfile` or nothing.
    pub(crate) fn place(&self) -> Option<String> {
        let file = self.file.as_ref()?;
        Some(self.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}")))
    }

    /// The line or 0, for the link's data attribute.
    pub(crate) fn line_or_zero(&self) -> u32 {
        self.line.unwrap_or(0)
    }

    /// The lines of the excerpt with their numbers.
    pub(crate) fn excerpt_lines(&self) -> Vec<(u32, &str)> {
        let first = self.line.unwrap_or(1);
        self.excerpt.lines().zip(first..).map(|(text, number)| (number, text)).collect()
    }

    pub(crate) fn message_html(&self) -> String {
        crate::marked::line_html(&self.message)
    }

    pub(crate) fn why_html(&self) -> String {
        crate::marked::line_html(&self.why)
    }

    pub(crate) fn hint_html(&self) -> String {
        crate::marked::blocks_html(&self.hint)
    }

    pub(crate) fn log_html(&self) -> String {
        crate::ansi::to_html(&self.log)
    }
}

/// A figure of an attempt.
#[derive(Clone, Debug, Default)]
pub struct Metric {
    /// What it measures, e.g. "Image size".
    pub label: String,
    /// Its value in words, e.g. "128 MB" (see [`words::bytes`], [`words::millis`]).
    pub value: String,
    /// The change since the attempt before, if there was one.
    pub change: Option<Change>,
}

/// How a figure moved since the attempt before.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The change in words, e.g. "−83 MB".
    pub text: String,
    /// Whether that is good.
    pub tone: Tone,
}

/// Whether a change is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Neither.
    #[default]
    Neutral,
    /// An improvement.
    Better,
    /// A step back.
    Worse,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }

    /// Read aloud, since colour alone says nothing.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Neutral => "changed",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }
}
