//! Solutions.

use containrlab_domain::lab::Lab;
use containrlab_store::AttemptRow;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A lab's solution.
#[derive(Serialize, ToSchema)]
#[schema(as = Solution)]
pub(crate) struct SolutionJson {
    /// The attempt beside which it was shown.
    attempt: Uuid,
    /// When it was shown first.
    shown_at: Option<Timestamp>,
    /// All files of a workspace that passes.
    files: Vec<SolutionFileJson>,
}

/// A file of a solution.
#[derive(Serialize, ToSchema)]
#[schema(as = SolutionFile)]
pub(crate) struct SolutionFileJson {
    /// Its path in the workspace.
    path: String,
    /// Its text; null when it is no text.
    content: Option<String>,
}

impl SolutionJson {
    /// The solution of a lab, shown beside an attempt.
    pub(crate) fn new(lab: &Lab, attempt: &AttemptRow) -> Self {
        let file = |(path, bytes): (&String, &Vec<u8>)| SolutionFileJson {
            path: path.clone(),
            content: String::from_utf8(bytes.clone()).ok(),
        };
        Self {
            attempt: attempt.attempt_id.0,
            shown_at: attempt.solution_shown_at,
            files: lab.solution.iter().map(file).collect(),
        }
    }
}
