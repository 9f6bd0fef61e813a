//! Attempts.

use containrlab_store::{AttemptRow, AttemptState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// One submission.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptJson {
    /// Id.
    pub(crate) id: Uuid,
    /// The session that it was made in.
    pub(crate) session: Uuid,
    /// The lab's name.
    pub(crate) lab: String,
    /// Which of this learner's attempts in this lab it is, from 1.
    pub(crate) number: u32,
    /// The hash of the files that were submitted.
    pub(crate) tree: String,
    /// `submitted`, `judging` or `judged`.
    pub(crate) state: &'static str,
    /// When it was submitted.
    pub(crate) submitted_at: Timestamp,
    /// When it was judged.
    pub(crate) judged_at: Option<Timestamp>,
    /// `passed`, `failed` or `inconclusive`.
    pub(crate) status: Option<&'static str>,
    /// What the judge says: `passed`, `status`, `failures` (each with `code`, `message`, `hint`), `checks`, `metrics`, `notes`.
    #[schema(value_type = Object)]
    pub(crate) verdict: serde_json::Value,
}

/// A learner's attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptList {
    /// Newest first.
    pub(crate) attempts: Vec<AttemptJson>,
}

/// Which attempts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AttemptsQuery {
    /// Of this lab only.
    #[serde(default)]
    pub(crate) lab: Option<String>,
    /// Of this session only.
    #[serde(default)]
    pub(crate) session: Option<Uuid>,
}

impl From<&AttemptRow> for AttemptJson {
    fn from(row: &AttemptRow) -> Self {
        Self {
            id: row.attempt_id.0,
            session: row.session_id.0,
            lab: row.lab.slug.to_string(),
            number: row.number,
            tree: row.tree_hash.to_string(),
            state: match row.state {
                AttemptState::Submitted => "submitted",
                AttemptState::Judging => "judging",
                AttemptState::Judged => "judged",
            },
            submitted_at: row.submitted_at,
            judged_at: row.judged_at,
            status: row.status.map(|status| status.as_str()),
            verdict: serde_json::to_value(&row.verdict).unwrap_or_default(),
        }
    }
}
