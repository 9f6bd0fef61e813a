//! Finding out, after a restart of the runner, what both copies last agreed on.
//!
//! Nothing on the runner's disk says it; the ledger does. Content that the ledger has already had at a path is an old
//! state of it: there the ledger's newer one holds. Content that it never had at that path was written in the terminal
//! while nobody watched: that is news.

use std::collections::{BTreeMap, HashSet};

use containrlab_domain::ids::{BlobHash, SessionId};
use containrlab_domain::workspace::{Tree, Workspace, WorkspaceEvent, WorkspacePath};
use containrlab_store::Store;
use cqrs_es::Aggregate;

use super::scan::Scan;
use crate::error::Error;

/// Entries of the time line that are read at once.
const PAGE: usize = 1000;

/// What both copies last agreed on, as far as that can be told.
pub(super) async fn last_agreed(
    store: &Store,
    session: SessionId,
    ledger: &Tree,
    scan: &Scan,
) -> Result<Tree, Error> {
    let differs = scan.files.iter().any(|(path, entry)| ledger.files.get(path) != Some(entry));
    let had = if differs { history(store, session).await? } else { History::new() };
    Ok(agree(ledger, scan, &had))
}

type History = HashSet<(WorkspacePath, BlobHash)>;

fn agree(ledger: &Tree, scan: &Scan, had: &History) -> Tree {
    let files: BTreeMap<_, _> = scan
        .files
        .iter()
        .filter_map(|(path, entry)| {
            let current = ledger.files.get(path);
            if current == Some(entry) || had.contains(&(path.clone(), entry.hash.clone())) {
                Some((path.clone(), entry.clone()))
            } else {
                current.map(|current| (path.clone(), current.clone()))
            }
        })
        .collect();
    // A file that is there but cannot be kept is left alone; one that is missing is written again: nothing is lost.
    let unkept = ledger.files.iter().filter(|(path, _)| scan.unkept.contains_key(*path));
    let files = unkept.map(|(path, entry)| (path.clone(), entry.clone())).chain(files).collect();
    Tree { files, folders: ledger.folders.intersection(&scan.folders).cloned().collect() }
}

/// Every content that every path of the workspace ever had.
async fn history(store: &Store, session: SessionId) -> Result<History, Error> {
    let mut had = History::new();
    let mut workspace = Workspace::default();
    let mut after = 0;
    loop {
        let page = store.timeline(session, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(had) };
        after = last.position;
        for entry in page.into_iter().filter(|entry| entry.aggregate_type == Workspace::TYPE) {
            // An event that this version cannot read says nothing about old content; the look goes on without it.
            let Ok(event) = serde_json::from_value::<WorkspaceEvent>(entry.payload) else { continue };
            match &event {
                WorkspaceEvent::FileWritten { path, entry } => {
                    had.insert((path.clone(), entry.hash.clone()));
                    workspace.apply(event);
                }
                WorkspaceEvent::Opened { .. } | WorkspaceEvent::Renamed { .. } => {
                    workspace.apply(event);
                    let now = workspace.tree().files.iter();
                    had.extend(now.map(|(path, entry)| (path.clone(), entry.hash.clone())));
                }
                _ => workspace.apply(event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use containrlab_domain::workspace::FileEntry;

    use super::*;
    use crate::workspace::upward;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    fn files(files: &[(&str, &str)]) -> BTreeMap<WorkspacePath, FileEntry> {
        let entry = |text: &str| FileEntry {
            hash: BlobHash::of(text.as_bytes()),
            size: text.len() as u64,
            executable: false,
        };
        files.iter().map(|(name, text)| (path(name), entry(text))).collect()
    }

    #[test]
    fn old_content_yields_and_new_content_is_news() {
        let ledger = Tree {
            files: files(&[("saved", "by the editor"), ("edited", "old"), ("same", "1"), ("created", "new")]),
            ..Tree::default()
        };
        let scan = Scan {
            files: files(&[
                ("saved", "old"),
                ("edited", "in the terminal"),
                ("same", "1"),
                ("deleted", "x"),
                ("made", "y"),
            ]),
            complete: true,
            ..Scan::default()
        };
        let had = [("saved", "old"), ("edited", "old"), ("deleted", "x")]
            .map(|(name, text)| (path(name), BlobHash::of(text.as_bytes())));
        let base = agree(&ledger, &scan, &HashSet::from(had));

        let up: Vec<_> = upward::changes(&base, &scan);
        let up: Vec<_> = up.iter().map(|change| format!("{change:?}")).collect();
        assert_eq!(up.len(), 2, "{up:?}");
        assert!(
            up.iter().any(|change| change.contains("edited"))
                && up.iter().any(|change| change.contains("made"))
        );

        let down = base.diff(&ledger);
        assert_eq!(down.removed_files, [path("deleted")]);
        let written: Vec<_> = down.written.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(written, ["created", "saved"]);
    }
}
