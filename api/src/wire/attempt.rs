//! Attempts.

use std::collections::BTreeMap;

use containrlab_domain::attempt::Basis;
use containrlab_store::{AttemptRow, AttemptState, JudgementRow};
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
    /// When it was first judged.
    pub(crate) judged_at: Option<Timestamp>,
    /// When the newest verdict was said, if the attempt was judged again since.
    pub(crate) rejudged_at: Option<Timestamp>,
    /// `passed`, `failed` or `inconclusive`, by the newest verdict.
    pub(crate) status: Option<&'static str>,
    /// What the judge says: `passed`, `status`, `failures` (each with `code`, `message`, `hint`), `checks`, `metrics`, `notes`.
    #[schema(value_type = Object)]
    pub(crate) verdict: serde_json::Value,
    /// What the verdict rests on: the same basis gives the same verdict. Null where nobody wrote it down.
    pub(crate) basis: Option<BasisJson>,
}

/// An attempt with all verdicts on it.
#[derive(Serialize, ToSchema)]
#[schema(as = AttemptWithVerdicts)]
pub(crate) struct AttemptDetail {
    #[serde(flatten)]
    pub(crate) attempt: AttemptJson,
    /// Every verdict, newest first; those that are still owed are not among them.
    pub(crate) verdicts: Vec<JudgementJson>,
}

/// What a verdict rests on.
#[derive(Serialize, ToSchema)]
#[schema(as = Basis)]
pub(crate) struct BasisJson {
    /// The hash of the files that were judged.
    pub(crate) tree: String,
    /// The version of the lab that they were judged by.
    pub(crate) lab_version: String,
    /// The version of the judge.
    pub(crate) judge_version: u32,
    /// The lab's base images as the judge had them: by name, the hash of their content.
    pub(crate) images: BTreeMap<String, String>,
}

/// One of the verdicts on an attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = Judgement)]
pub(crate) struct JudgementJson {
    /// Counted from 1, which is the verdict on the submission itself.
    pub(crate) number: u32,
    /// When it was said.
    pub(crate) judged_at: Option<Timestamp>,
    /// `passed`, `failed` or `inconclusive`.
    pub(crate) status: Option<&'static str>,
    /// What the judge said.
    #[schema(value_type = Object)]
    pub(crate) verdict: serde_json::Value,
    /// What that rests on. Null where nobody wrote it down.
    pub(crate) basis: Option<BasisJson>,
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
            rejudged_at: row.rejudged_at,
            basis: row.basis.as_ref().map(BasisJson::from),
        }
    }
}

impl AttemptDetail {
    pub(crate) fn new(row: &AttemptRow, judgements: &[JudgementRow]) -> Self {
        let said = judgements.iter().filter(|judgement| judgement.verdict.is_some());
        Self { attempt: AttemptJson::from(row), verdicts: said.map(JudgementJson::from).collect() }
    }
}

impl From<&JudgementRow> for JudgementJson {
    fn from(row: &JudgementRow) -> Self {
        Self {
            number: row.number,
            judged_at: row.judged_at,
            status: row.status.map(|status| status.as_str()),
            verdict: serde_json::to_value(&row.verdict).unwrap_or_default(),
            basis: row.basis.as_ref().map(BasisJson::from),
        }
    }
}

impl From<&Basis> for BasisJson {
    fn from(basis: &Basis) -> Self {
        Self {
            tree: basis.tree.to_string(),
            lab_version: basis.lab.to_string(),
            judge_version: basis.judge,
            images: basis.images.clone(),
        }
    }
}
