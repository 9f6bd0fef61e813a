//! The parts of `lab.toml` and `expect.toml`, as authors write them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LabFiles;

/// A lab: what it is called, its text, its hints and its checks.
///
/// This is the top of `lab.toml`, without its lists of tables.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Manifest {
    /// What it is called.
    pub(super) title: String,
    /// What it is about, in a sentence or two, for the list of labs.
    pub(super) summary: String,
    /// How much it presumes.
    pub(super) level: Level,
    /// How long it takes most people, in minutes.
    pub(super) minutes: u32,
    /// Words to find it by.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// Its place in the list: lower comes first.
    pub(super) order: u32,
    /// Slugs of labs that are better done before.
    #[serde(default)]
    pub(super) prerequisites: Vec<String>,
    /// The images that its Dockerfiles start from; they lie ready in every sandbox.
    pub(super) images: Vec<String>,
}

/// How much a lab presumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing but a shell.
    Beginner,
    /// A Dockerfile or two written before.
    Intermediate,
    /// Docker in daily use.
    Advanced,
}

impl Level {
    /// The word used in `lab.toml` and on the pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        }
    }
}

/// What a judgement may take before it is cut off; a cut is told to the learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Seconds for one build.
    pub build_seconds: u32,
    /// Seconds that a started container is watched at most.
    pub run_seconds: u32,
    /// Memory of a started container, in MiB.
    pub memory_mib: u32,
    /// Kibibytes of a build's or a container's output that are kept; the rest is dropped from the middle.
    pub log_kib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { build_seconds: 240, run_seconds: 60, memory_mib: 512, log_kib: 256 }
    }
}

/// One step of the text beside the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextStep {
    /// Its anchor.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// Its text, in Markdown.
    pub text: String,
}

/// A step of the text: with its text here, or with a file that holds it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct StepEntry {
    /// Its anchor: `[see there](#id)` leads to it.
    pub(super) id: String,
    /// Its heading.
    pub(super) title: String,
    /// Its text, in Markdown; in place of `file`.
    pub(super) text: Option<String>,
    /// The file that holds its text, below the lab's folder: `steps/1-start.md`.
    pub(super) file: Option<String>,
}

/// A hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hint {
    /// The check that it helps with; absent when it is about the whole lab.
    pub check: Option<String>,
    /// 1 nudges, 2 explains, 3 shows.
    #[schemars(range(min = 1, max = 3))]
    pub strength: u8,
    /// The hint, in Markdown.
    pub text: String,
}

/// An answer that is wrong in a known way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongAnswer {
    /// The name of its folder.
    pub name: String,
    /// What is wrong about it, in a sentence.
    pub about: String,
    /// The codes that a judgement of it must give, no more and no fewer.
    pub codes: Vec<String>,
    /// The whole workspace: the solution with the overlay on it.
    pub files: LabFiles,
}

/// What the judge must say about a wrong answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Expectation {
    /// What is wrong about it, in a sentence.
    pub(super) about: String,
    /// The codes that a judgement of it must give, no more and no fewer.
    pub(super) codes: Vec<String>,
    /// Files of the solution that this answer lacks.
    #[serde(default)]
    pub(super) remove: Vec<String>,
}
