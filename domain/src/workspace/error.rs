//! Why a command to a workspace is refused; each variant is a sentence that a person may see.

use super::{InvalidPath, WorkspacePath};
use crate::ids::BlobHash;

/// A refused command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkspaceError {
    /// No such workspace.
    #[error("there is no such workspace")]
    Unknown,
    /// Opened before.
    #[error("this workspace is open already")]
    AlreadyOpen,
    /// Nothing there.
    #[error("there is no {0}")]
    NotFound(WorkspacePath),
    /// Something is there already.
    #[error("there is a {0} already")]
    AlreadyThere(WorkspacePath),
    /// A folder where a file is meant.
    #[error("{0} is a folder")]
    IsAFolder(WorkspacePath),
    /// A file where a folder is needed.
    #[error("{0} is a file, not a folder")]
    IsAFile(WorkspacePath),
    /// A folder cannot be moved into itself.
    #[error("a folder cannot be moved into itself")]
    IntoItself,
    /// A path is not valid, or would become so.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// Somebody else has changed the file since it was read.
    #[error("{path} has changed since it was opened")]
    ChangedMeanwhile {
        /// The file.
        path: WorkspacePath,
        /// Its content now; `None` when it is gone.
        current: Option<BlobHash>,
    },
    /// Over the limit of one file.
    #[error("the file has {size} bytes; a file may have {limit} at most")]
    FileTooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Over the limit of all files.
    #[error("the files of a workspace may take {limit} bytes together")]
    WorkspaceFull {
        /// The limit in bytes.
        limit: u64,
    },
    /// Over the limit of entries.
    #[error("a workspace may hold {limit} files and folders at most")]
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
}
