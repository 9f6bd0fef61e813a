//! The file tree of a session.

use askama::Template;

use crate::words;

/// The file tree. SSE event `files`; replaces the whole tree. The page's script keeps what is folded and marks what is
/// open and unsaved, so sending it often is harmless.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/files.html")]
pub struct FilesPartial {
    /// Files and folders, sorted with [`FilesPartial::new`]. A folder may be left out where a file's path names it.
    pub files: Vec<FileEntry>,
}

/// A file or folder of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileEntry {
    /// Path relative to the workspace, with `/`.
    pub path: String,
    /// Size in bytes; 0 for a folder.
    pub size: u64,
    /// Hash of the content; empty for a folder. An open editor compares it to know whether the file changed.
    pub hash: String,
    /// Whether it is executable.
    pub executable: bool,
    /// Whether it is a folder.
    pub folder: bool,
}

impl FilesPartial {
    /// The tree of these entries: adds folders that only paths name, and sorts folders before files, each by name.
    pub fn new(mut files: Vec<FileEntry>) -> Self {
        let mut known: std::collections::HashSet<String> =
            files.iter().filter(|entry| entry.folder).map(|entry| entry.path.clone()).collect();
        let mut missing = Vec::new();
        for entry in &files {
            for (end, _) in entry.path.match_indices('/') {
                let parent = &entry.path[..end];
                if known.insert(parent.to_owned()) {
                    missing.push(FileEntry { path: parent.to_owned(), folder: true, ..FileEntry::default() });
                }
            }
        }
        files.append(&mut missing);
        // A cached key per entry: each segment with "is a file" before its name puts folders first on every level.
        files.sort_by_cached_key(|entry| {
            let last = entry.depth();
            entry
                .path
                .split('/')
                .enumerate()
                .map(|(level, name)| (level == last && !entry.folder, name.to_lowercase(), name.to_owned()))
                .collect::<Vec<_>>()
        });
        Self { files }
    }
}

impl FileEntry {
    /// Last segment of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// How many folders lie above it.
    pub(crate) fn depth(&self) -> usize {
        self.path.matches('/').count()
    }

    /// Level in the tree, from 1, as `aria-level` wants it.
    pub(crate) fn level(&self) -> usize {
        self.depth() + 1
    }
}
