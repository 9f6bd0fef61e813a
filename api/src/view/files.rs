//! The file tree.

use containrlab_domain::workspace::Tree;
use containrlab_web_templates::{FileEntry, FilesPartial};

/// A workspace's files and folders.
pub(crate) fn files(tree: &Tree) -> FilesPartial {
    let files = tree.files.iter().map(|(path, entry)| FileEntry {
        path: path.to_string(),
        size: entry.size,
        hash: entry.hash.to_string(),
        executable: entry.executable,
        folder: false,
    });
    let folders = tree.folders.iter().map(|path| FileEntry {
        path: path.to_string(),
        folder: true,
        ..FileEntry::default()
    });
    FilesPartial::new(files.chain(folders).collect())
}
