//! The files of a workspace at one moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::WorkspacePath;
use crate::ids::{BlobHash, TreeHash};

/// What a file is, apart from its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where its bytes lie.
    pub hash: BlobHash,
    /// Bytes.
    pub size: u64,
    /// Whether its owner may execute it; the only part of a mode that is kept.
    #[serde(default)]
    pub executable: bool,
}

/// All files of a workspace, and the folders that somebody made.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Files by path.
    pub files: BTreeMap<WorkspacePath, FileEntry>,
    /// Folders that were made for themselves; those that a file lies in need not be named.
    #[serde(default)]
    pub folders: BTreeSet<WorkspacePath>,
}

/// What has to be done to a copy of one tree to make it another.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TreeDiff {
    /// Files to remove.
    pub removed_files: Vec<WorkspacePath>,
    /// Folders to remove, innermost first, if they are empty by then.
    pub removed_folders: Vec<WorkspacePath>,
    /// Folders to make, outermost first.
    pub added_folders: Vec<WorkspacePath>,
    /// Files to write.
    pub written: Vec<(WorkspacePath, FileEntry)>,
}

impl TreeDiff {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Tree {
    /// Bytes of all files together.
    pub fn total_bytes(&self) -> u64 {
        self.files.values().map(|entry| entry.size).sum()
    }

    /// Whether a folder is there, made for itself or because something lies in it.
    pub fn has_folder(&self, path: &WorkspacePath) -> bool {
        self.folders.contains(path)
            || self.files.keys().any(|file| file.is_below(path))
            || self.folders.iter().any(|folder| folder.is_below(path))
    }

    /// The hash that names this tree: the same files give the same hash, whatever led to them.
    ///
    /// Each entry is hashed as its kind, its length-prefixed path and the blob's hash, so that no two trees can be
    /// written the same way.
    pub fn hash(&self) -> TreeHash {
        let mut lines = Sha256::new();
        for folder in &self.folders {
            lines.update(format!("folder {}:{folder}\n", folder.as_str().len()));
        }
        for (path, entry) in &self.files {
            let kind = if entry.executable { "program" } else { "file" };
            lines.update(format!("{kind} {}:{path} {}\n", path.as_str().len(), entry.hash));
        }
        TreeHash::try_from(hex::encode(lines.finalize())).expect("a SHA-256 has 64 hexadecimal digits")
    }

    /// What makes `self` into `target`.
    pub fn diff(&self, target: &Self) -> TreeDiff {
        let gone = |path: &&WorkspacePath| !target.files.contains_key(*path);
        let new = |(path, entry): &(&WorkspacePath, &FileEntry)| self.files.get(*path) != Some(*entry);
        let mut removed_folders: Vec<_> =
            self.all_folders().difference(&target.all_folders()).cloned().collect();
        // A folder sorts before what lies in it.
        removed_folders.reverse();
        TreeDiff {
            removed_files: self.files.keys().filter(gone).cloned().collect(),
            removed_folders,
            added_folders: target.folders.difference(&self.folders).cloned().collect(),
            written: target
                .files
                .iter()
                .filter(new)
                .map(|(path, entry)| (path.clone(), entry.clone()))
                .collect(),
        }
    }

    /// Every folder, whether made for itself or because something lies in it.
    pub fn all_folders(&self) -> BTreeSet<WorkspacePath> {
        let named = self.folders.iter().chain(self.files.keys());
        named.flat_map(WorkspacePath::ancestors).chain(self.folders.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        let entry = |text: &str| FileEntry {
            hash: BlobHash::of(text.as_bytes()),
            size: text.len() as u64,
            executable: false,
        };
        Tree {
            files: files.iter().map(|(name, text)| (path(name), entry(text))).collect(),
            folders: BTreeSet::new(),
        }
    }

    #[test]
    fn the_hash_sees_paths_bytes_modes_and_folders() {
        let plain = tree(&[("a", "1"), ("b", "2")]);
        let mut program = plain.clone();
        program.files.get_mut(&path("a")).unwrap().executable = true;
        let mut with_folder = plain.clone();
        with_folder.folders.insert(path("c"));
        let others =
            [tree(&[("a", "2"), ("b", "1")]), tree(&[("a", "1")]), program, with_folder, Tree::default()];
        assert_eq!(plain.hash(), tree(&[("b", "2"), ("a", "1")]).hash());
        for other in others {
            assert_ne!(plain.hash(), other.hash());
        }
    }

    #[test]
    fn a_diff_names_what_changed_and_nothing_else() {
        let before = tree(&[("keep", "1"), ("change", "1"), ("old/deep/gone", "1")]);
        let after = tree(&[("keep", "1"), ("change", "2"), ("new/file", "3")]);
        let diff = before.diff(&after);
        assert_eq!(diff.removed_files, [path("old/deep/gone")]);
        assert_eq!(diff.removed_folders, [path("old/deep"), path("old")]);
        assert_eq!(
            diff.written.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
            ["change", "new/file"]
        );
        assert!(before.diff(&before).is_empty());
    }
}
