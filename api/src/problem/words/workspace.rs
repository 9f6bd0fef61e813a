//! What a workspace refuses.

use containrlab_domain::workspace::WorkspaceError;
use serde_json::json;

use super::Words;
use crate::Error;
use crate::problem::Problem;

impl Problem {
    pub(super) fn of_workspace(refusal: &WorkspaceError, detail: &str) -> Self {
        let words = Words(detail);
        match refusal {
            WorkspaceError::Unknown => Self::from(&Error::NoSuchSession),
            WorkspaceError::AlreadyOpen => words.conflict("already_open", "It is open already", ""),
            WorkspaceError::NotFound(_) => words.missing(
                "file_not_found",
                "No such file",
                "It may have been renamed or deleted; look at the list of files.",
            ),
            WorkspaceError::AlreadyThere(_) => {
                words.conflict("already_there", "The name is taken", "Choose another name.")
            }
            WorkspaceError::IsAFolder(_) => {
                words.conflict("is_a_folder", "It is a folder", "Choose another name.")
            }
            WorkspaceError::IsAFile(_) => words.conflict("is_a_file", "It is a file", "Choose another name."),
            WorkspaceError::IntoItself => {
                words.conflict("into_itself", "Into itself", "Choose another place.")
            }
            WorkspaceError::Path(_) => {
                words.unfit("invalid_path", "Not a path of the workspace", "Choose a shorter name.")
            }
            WorkspaceError::ChangedMeanwhile { current, .. } => words
                .conflict(
                    "changed_meanwhile",
                    "The file has changed meanwhile",
                    "Look at what is there now; then write over it or keep it. Your text is not lost.",
                )
                .with("current_hash", json!(current)),
            WorkspaceError::FileTooLarge { limit, .. } => words
                .too_large(
                    "file_too_large",
                    "The file is too large",
                    "Keep it smaller, or fetch it during the build.",
                )
                .with("limit", json!(limit)),
            WorkspaceError::WorkspaceFull { limit } => words
                .too_large(
                    "workspace_full",
                    "The workspace is full",
                    "Delete what you don't need, then save again.",
                )
                .with("limit", json!(limit)),
            WorkspaceError::TooManyFiles { limit } => words
                .too_large("too_many_files", "Too many files", "Delete what you don't need, then try again.")
                .with("limit", json!(limit)),
        }
    }
}
