//! From the sandbox to the ledger: what a look at the sandbox tells that the ledger does not know.

use std::collections::{BTreeMap, BTreeSet};

use containrlab_domain::workspace::{Observed, Tree, WorkspacePath};

use super::ignore;
use super::scan::Scan;

/// Things not kept that one look notes one by one; the rest are counted in the last note.
const MAX_NOTES: usize = 20;

/// The changes that make the ledger's copy, which agrees with `base`, into what was seen.
pub(super) fn changes(base: &Tree, scan: &Scan) -> Vec<Observed> {
    let target = target(base, scan);
    let diff = base.diff(&target);
    let gone: BTreeSet<WorkspacePath> = diff.removed_folders.into_iter().collect();
    let is_topmost = |path: &WorkspacePath| !path.ancestors().any(|folder| gone.contains(&folder));
    let folders = gone.iter().filter(|path| is_topmost(path));
    let files = diff.removed_files.iter().filter(|path| is_topmost(path));
    let removed = folders.chain(files).map(|path| Observed::Gone { path: path.clone() });
    let written = diff.written.into_iter().map(|(path, entry)| Observed::File { path, entry });
    let made = diff.added_folders.into_iter().map(|path| Observed::Folder { path });
    removed.chain(written).chain(made).collect()
}

/// Notes on what cannot be kept, and that was not noted before.
pub(super) fn notes(scan: &Scan, noted: &mut BTreeMap<WorkspacePath, String>) -> Vec<Observed> {
    noted.retain(|path, _| scan.unkept.contains_key(path));
    let new: Vec<_> = scan.unkept.iter().filter(|(path, reason)| noted.get(*path) != Some(*reason)).collect();
    let others = new.len().saturating_sub(MAX_NOTES);
    let mut notes = Vec::new();
    for (index, (path, reason)) in new.into_iter().enumerate() {
        noted.insert(path.clone(), reason.clone());
        let reason = match index + 1 {
            MAX_NOTES if others > 0 => format!("{reason}; {others} more files are not kept either"),
            n if n > MAX_NOTES => continue,
            _ => reason.clone(),
        };
        notes.push(Observed::Unkept { path: path.clone(), reason });
    }
    notes
}

/// What the ledger should hold after this look.
fn target(base: &Tree, scan: &Scan) -> Tree {
    // What is there but cannot be kept, is not looked at, or lies beyond a cut list stays as the ledger last had it.
    let stays =
        |path: &WorkspacePath| ignore::is_ignored(path) || scan.unkept.contains_key(path) || !scan.complete;
    let mut files: BTreeMap<_, _> = base
        .files
        .iter()
        .filter(|(path, _)| stays(path))
        .map(|(path, entry)| (path.clone(), entry.clone()))
        .collect();
    files.extend(scan.files.clone());
    let mut folders: BTreeSet<_> = base
        .folders
        .iter()
        .filter(|path| scan.folders.contains(*path) || ignore::is_ignored(path) || !scan.complete)
        .cloned()
        .collect();
    let used: BTreeSet<_> = files.keys().chain(&scan.folders).flat_map(WorkspacePath::ancestors).collect();
    folders.extend(scan.folders.difference(&used).cloned());
    Tree { files, folders }
}

#[cfg(test)]
mod tests {
    use containrlab_domain::ids::BlobHash;
    use containrlab_domain::workspace::FileEntry;

    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    fn entry(text: &str) -> FileEntry {
        FileEntry { hash: BlobHash::of(text.as_bytes()), size: text.len() as u64, executable: false }
    }

    fn tree(files: &[(&str, &str)], folders: &[&str]) -> Tree {
        Tree {
            files: files.iter().map(|(name, text)| (path(name), entry(text))).collect(),
            folders: folders.iter().map(|name| path(name)).collect(),
        }
    }

    fn seen(files: &[(&str, &str)], folders: &[&str]) -> Scan {
        let tree = tree(files, folders);
        Scan { files: tree.files, folders: tree.folders, unkept: BTreeMap::new(), complete: true }
    }

    fn gone(name: &str) -> Observed {
        Observed::Gone { path: path(name) }
    }

    fn file(name: &str, text: &str) -> Observed {
        Observed::File { path: path(name), entry: entry(text) }
    }

    #[test]
    fn the_echo_of_what_was_applied_is_no_news() {
        let base = tree(&[("a", "1"), ("src/b", "2")], &["empty"]);
        assert_eq!(changes(&base, &seen(&[("a", "1"), ("src/b", "2")], &["src", "empty"])), []);
    }

    #[test]
    fn a_folder_that_went_is_told_once() {
        let base = tree(&[("old/deep/a", "1"), ("old/b", "2"), ("c", "3")], &["old/empty"]);
        assert_eq!(changes(&base, &seen(&[("c", "4")], &[])), [gone("old"), file("c", "4")]);
    }

    #[test]
    fn a_file_can_become_a_folder() {
        let base = tree(&[("a", "1")], &[]);
        assert_eq!(changes(&base, &seen(&[("a/b", "2")], &["a"])), [gone("a"), file("a/b", "2")]);
    }

    #[test]
    fn a_folder_that_lost_its_last_file_is_kept_as_an_empty_one() {
        let base = tree(&[("src/a", "1")], &[]);
        let observed = changes(&base, &seen(&[], &["src"]));
        assert_eq!(observed, [gone("src/a"), Observed::Folder { path: path("src") }]);
    }

    #[test]
    fn what_cannot_be_kept_or_was_not_listed_is_not_taken_for_gone() {
        let base = tree(&[("grew", "1"), ("node_modules/x", "2"), ("a", "3")], &[]);
        let mut scan = seen(&[("a", "3")], &[]);
        scan.unkept.insert(path("grew"), "too large".to_owned());
        assert_eq!(changes(&base, &scan), []);
        let cut = Scan { complete: false, ..seen(&[("a", "4")], &[]) };
        assert_eq!(changes(&base, &cut), [file("a", "4")]);
    }

    #[test]
    fn notes_are_made_once_and_bounded() {
        let mut scan = seen(&[], &[]);
        for n in 0..100 {
            scan.unkept.insert(path(&format!("link{n:03}")), "a link".to_owned());
        }
        let mut noted = BTreeMap::new();
        let first = notes(&scan, &mut noted);
        assert_eq!(first.len(), MAX_NOTES);
        assert!(matches!(first.last(), Some(Observed::Unkept { reason, .. }) if reason.contains("80 more")));
        assert_eq!(notes(&scan, &mut noted), []);
    }
}
