//! The files of a workspace in the read model are those that its events make.

use std::collections::BTreeSet;

use containrlab_domain::ids::WorkspaceId;
use containrlab_domain::session::Origin;
use containrlab_domain::workspace::{
    Expected, FileEntry, Tree, Workspace, WorkspaceCommand, WorkspaceLimits, WorkspacePath,
};
use containrlab_store::CommandError;
use containrlab_store::testing::TestStore;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::support::by;

/// Names that lie close together in every order: prefixes of one another, letters of two bytes, the neighbours of `/`.
const NAMES: [&str; 12] = ["a", "ab", "a.b", "a0", "a-", "A", "ü", "üb", "b", "%", "_", "a b"];

fn path(random: &mut StdRng) -> WorkspacePath {
    let depth = random.random_range(1..=3);
    let parts: Vec<&str> = (0..depth).map(|_| *NAMES.choose(random).unwrap()).collect();
    WorkspacePath::new(parts.join("/")).unwrap()
}

fn entry(random: &mut StdRng, contents: &[FileEntry]) -> FileEntry {
    FileEntry { executable: random.random(), ..contents.choose(random).unwrap().clone() }
}

fn command(random: &mut StdRng, contents: &[FileEntry]) -> WorkspaceCommand {
    match random.random_range(0..10) {
        0..5 => WorkspaceCommand::Write {
            path: path(random),
            entry: entry(random, contents),
            expected: Expected::Anything,
        },
        5 => WorkspaceCommand::CreateFolder { path: path(random) },
        6 => WorkspaceCommand::Delete { path: path(random) },
        7..9 => WorkspaceCommand::Rename { from: path(random), to: path(random) },
        _ => WorkspaceCommand::NoteNotKept { path: path(random), reason: "too large".to_owned() },
    }
}

async fn contents(store: &TestStore) -> Vec<FileEntry> {
    let mut contents = Vec::new();
    for text in ["", "one", "another", "a third one"] {
        let hash = store.put_blob(text.as_bytes()).await.unwrap();
        contents.push(FileEntry { hash, size: text.len() as u64, executable: false });
    }
    contents
}

#[tokio::test]
async fn after_any_history_rows_and_aggregate_hold_the_same_tree() {
    let store = TestStore::new().await;
    let contents = contents(&store).await;
    let limits = WorkspaceLimits { entries: 40, ..WorkspaceLimits::default() };
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let workspace = Uuid::new_v4();
        let tree = Tree {
            files: [(WorkspacePath::new("a/b").unwrap(), entry(&mut random, &contents))].into(),
            folders: BTreeSet::from([WorkspacePath::new("empty").unwrap()]),
        };
        let open = WorkspaceCommand::Open { origin: Origin::Starter, tree, limits };
        store.execute::<Workspace>(workspace, open, &by()).await.unwrap();
        let mut done = 0;
        for step in 0..120 {
            let command = command(&mut random, &contents);
            match store.execute::<Workspace>(workspace, command.clone(), &by()).await {
                Ok(_) => done += 1,
                Err(CommandError::Refused(_)) => continue,
                Err(error) => panic!("seed {seed}, step {step}, {command:?}: {error}"),
            }
            let (aggregate, version) = store.load::<Workspace>(workspace).await.unwrap();
            let rows = store.workspace_tree(WorkspaceId(workspace)).await.unwrap().unwrap();
            assert_eq!(rows, (aggregate.tree().clone(), version), "seed {seed}, step {step}, {command:?}");
        }
        assert!(done > 30, "seed {seed} did only {done} things");
    }
}

#[tokio::test]
async fn a_workspace_that_was_never_opened_has_no_tree() {
    let store = TestStore::new().await;
    assert_eq!(store.workspace_tree(WorkspaceId(Uuid::new_v4())).await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_workspace_has_an_empty_tree() {
    let store = TestStore::new().await;
    let workspace = Uuid::new_v4();
    let open = WorkspaceCommand::Open {
        origin: Origin::Starter,
        tree: Tree::default(),
        limits: WorkspaceLimits::default(),
    };
    store.execute::<Workspace>(workspace, open, &by()).await.unwrap();
    assert_eq!(store.workspace_tree(WorkspaceId(workspace)).await.unwrap(), Some((Tree::default(), 1)));
}
