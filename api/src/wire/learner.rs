//! Learners.

use containrlab_store::LearnerRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The one who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Learner)]
pub(crate) struct LearnerJson {
    /// Id.
    pub(crate) id: Uuid,
    /// How they want to be called.
    pub(crate) name: String,
    /// The way by which they sign in: `local` or `github`.
    pub(crate) provider: &'static str,
}

impl From<&LearnerRow> for LearnerJson {
    fn from(row: &LearnerRow) -> Self {
        Self { id: row.learner_id.0, name: row.name.clone(), provider: row.provider.as_str() }
    }
}

/// A sign-in by a name alone.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LocalSignIn {
    /// The name; the same name is the same learner.
    pub(crate) name: String,
}
