//! Files of a workspace.

use containrlab_domain::workspace::{FileEntry, Tree, WorkspaceLimits, WorkspacePath};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which file of which session.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The session.
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// The path below the workspace.
    #[serde(default)]
    pub(crate) path: Option<String>,
}

/// All files of a session.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileList {
    /// Grows with every change.
    pub(crate) version: u64,
    /// Files, sorted by path.
    pub(crate) files: Vec<FileItem>,
    /// Folders that were made for themselves.
    pub(crate) folders: Vec<String>,
    /// Bytes of all files.
    pub(crate) total_bytes: u64,
    /// How much may be there.
    pub(crate) limits: LimitsJson,
}

/// A file without its content.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileItem {
    /// The path below the workspace.
    pub(crate) path: String,
    /// Bytes.
    pub(crate) size: u64,
    /// SHA-256 of the content.
    pub(crate) hash: String,
    /// Whether it may be executed.
    pub(crate) executable: bool,
}

/// How much a workspace may hold.
#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsJson {
    /// Bytes of one file.
    pub(crate) file_bytes: u64,
    /// Bytes of all files.
    pub(crate) total_bytes: u64,
    /// Files and folders.
    pub(crate) entries: usize,
}

impl FileItem {
    /// An entry with its path.
    pub(crate) fn new(path: &WorkspacePath, entry: &FileEntry) -> Self {
        Self {
            path: path.to_string(),
            size: entry.size,
            hash: entry.hash.to_string(),
            executable: entry.executable,
        }
    }
}

impl FileList {
    /// A workspace's files.
    pub(crate) fn new(tree: &Tree, version: u64, limits: WorkspaceLimits) -> Self {
        Self {
            version,
            files: tree.files.iter().map(|(path, entry)| FileItem::new(path, entry)).collect(),
            folders: tree.folders.iter().map(ToString::to_string).collect(),
            total_bytes: tree.total_bytes(),
            limits: LimitsJson {
                file_bytes: limits.file_bytes,
                total_bytes: limits.total_bytes,
                entries: limits.entries,
            },
        }
    }
}

/// A text file.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileContent {
    /// What the list says.
    #[serde(flatten)]
    pub(crate) item: FileItem,
    /// Its text.
    pub(crate) content: String,
}

/// What to write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteFile {
    /// The whole new text.
    pub(crate) content: String,
    /// The hash of what the writer read before; refused with 409 when something else is there by now. Left out: written
    /// over whatever is there.
    #[serde(default)]
    pub(crate) expected_hash: Option<String>,
    /// Whether it may be executed; left out: as it was.
    #[serde(default)]
    pub(crate) executable: Option<bool>,
}

/// What to make.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateFile {
    /// The session, unless the query names it.
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// The path below the workspace, unless the query names it.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// A file or a folder.
    #[serde(default)]
    pub(crate) kind: FileKind,
    /// The file's text.
    #[serde(default)]
    pub(crate) content: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub(crate) executable: bool,
}

/// A file or a folder.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileKind {
    /// A file.
    #[default]
    File,
    /// A folder.
    Folder,
}

/// A file as it was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct WrittenFile {
    /// What the list says.
    #[serde(flatten)]
    pub(crate) item: FileItem,
    /// The version of the workspace from here on.
    pub(crate) version: u64,
}

/// The workspace after a change.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceVersion)]
pub(crate) struct VersionJson {
    /// The version of the workspace from here on.
    pub(crate) version: u64,
}

/// What to rename.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameFile {
    /// The session, unless the query names it.
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// The path so far.
    pub(crate) from: String,
    /// The new path; nothing may be there.
    pub(crate) to: String,
}
