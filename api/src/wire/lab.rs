//! Labs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A lab in the list.
#[derive(Serialize, ToSchema)]
#[schema(as = Lab)]
pub(crate) struct LabSummary {
    /// Its name in addresses.
    pub(crate) slug: String,
    /// The hash of its files.
    pub(crate) version: String,
    /// Its place in the list.
    pub(crate) order: u32,
    /// What it is called.
    pub(crate) title: String,
    /// What it is about.
    pub(crate) summary: String,
    /// `beginner`, `intermediate` or `advanced`.
    pub(crate) level: &'static str,
    /// How long it takes most people.
    pub(crate) minutes: u32,
    /// Words to find it by.
    pub(crate) tags: Vec<String>,
    /// Labs that are better done before.
    pub(crate) prerequisites: Vec<String>,
    /// How far this learner is.
    pub(crate) progress: ProgressJson,
    /// This learner's active session in it.
    pub(crate) active_session: Option<Uuid>,
}

/// How far a learner is in a lab.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Progress)]
pub(crate) enum ProgressJson {
    /// No session yet.
    NotStarted,
    /// A session, and no passed attempt.
    InProgress,
    /// A passed attempt.
    Passed,
}

/// All labs.
#[derive(Serialize, ToSchema)]
pub(crate) struct LabList {
    /// In the order to be taken.
    pub(crate) labs: Vec<LabSummary>,
}

/// A lab with its text. Solutions and wrong answers are never part of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct LabDetail {
    /// What the list says.
    #[serde(flatten)]
    pub(crate) summary: LabSummary,
    /// Its text in Markdown.
    pub(crate) text: String,
    /// Its text as HTML.
    pub(crate) html: String,
    /// The text beside the terminal, in steps.
    pub(crate) steps: Vec<StepJson>,
    /// What the judge asks for.
    pub(crate) checks: Vec<CheckJson>,
}

/// A step of a lab's text.
#[derive(Serialize, ToSchema)]
#[schema(as = LabStep)]
pub(crate) struct StepJson {
    /// Its anchor.
    pub(crate) id: String,
    /// Its heading.
    pub(crate) title: String,
    /// Its text in Markdown.
    pub(crate) text: String,
    /// Its text as HTML.
    pub(crate) html: String,
}

/// A check of a lab.
#[derive(Serialize, ToSchema)]
#[schema(as = LabCheck)]
pub(crate) struct CheckJson {
    /// Its id within the lab.
    pub(crate) id: String,
    /// What it asks for.
    pub(crate) title: String,
}

/// How to start a lab.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartRequest {
    /// Whether to go on from the files of the latest session in this lab.
    #[serde(default, rename = "continue")]
    pub(crate) go_on: bool,
    /// A certain earlier session in this lab to go on from.
    #[serde(default)]
    pub(crate) from: Option<Uuid>,
}
