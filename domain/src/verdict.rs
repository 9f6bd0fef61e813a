//! What the judge says of an attempt.
//!
//! The JSON keeps the shape of the original system (`{passed, failures[{code, message, hint}], metrics, notes}`) and
//! adds to it, so that whatever read the original's verdicts can read these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole answer to one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// True when `status` is [`VerdictStatus::Passed`]; kept beside it because the original's readers look here.
    pub passed: bool,
    /// Passed, failed, or the platform could not tell.
    pub status: VerdictStatus,
    /// One finding for each check that the attempt did not meet, in the lab's order.
    pub failures: Vec<Finding>,
    /// Every check of the lab with what became of it, in the lab's order.
    #[serde(default)]
    pub checks: Vec<CheckResult>,
    /// Figures measured on the way, by name; units are part of the name (`build_seconds`, `image_bytes`).
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Sentences for the learner that are no failures.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Verdict {
    /// The verdict for an attempt that the platform could not judge; never counted against the learner.
    pub fn inconclusive(code: &str, message: &str, mend: &str) -> Self {
        Self {
            passed: false,
            status: VerdictStatus::Inconclusive,
            failures: vec![Finding { hint: mend.to_owned(), ..Finding::new(code, message) }],
            checks: Vec::new(),
            metrics: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

/// How an attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictStatus {
    /// Every check of the lab is met.
    Passed,
    /// At least one check is not met, and the learner can mend it.
    Failed,
    /// The platform's own fault kept it from telling; judged again, never counted against the learner.
    Inconclusive,
}

impl VerdictStatus {
    /// The word used in JSON, in the database and in class names of the pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What a check says about an attempt that does not meet it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code of the failure, such as `dockerignore_missing`.
    pub code: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// How to go on, without giving the solution away.
    pub hint: String,
    /// Id of the check within the lab; absent when no check of the lab speaks (a platform fault).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Where it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Why it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The last lines of the output that explains the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Anchor of the part of the lab's text that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_more: Option<String>,
}

impl Finding {
    /// A finding with a code and a sentence; the rest is filled in by struct update.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            hint: String::new(),
            check: None,
            place: None,
            why: None,
            log: None,
            read_more: None,
        }
    }
}

/// A place in a file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path below the workspace.
    pub file: String,
    /// First line, counted from 1; absent when the finding is about the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Last line, when the finding spans several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// The text of those lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Id of the check within the lab.
    pub check: String,
    /// What the check asks for, in words.
    pub title: String,
    /// Met, not met, or not looked at because something that it needs had failed.
    pub status: CheckStatus,
}

/// Whether a check is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Met.
    Passed,
    /// Not met; a finding says why.
    Failed,
    /// Not looked at: an earlier step that it needs failed.
    Skipped,
}
