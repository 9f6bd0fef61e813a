//! From the ledger to the sandbox: writes what changed in the ledger into the sandbox's copy.

use std::collections::{BTreeMap, HashMap};

use bytes::{Bytes, BytesMut};
use containrlab_agent::message::FileChange;
use containrlab_domain::ids::BlobHash;
use containrlab_domain::workspace::{FileEntry, Tree, TreeDiff, WorkspacePath};
use containrlab_store::Store;

use crate::error::Error;
use crate::sandbox::{AgentClient, AgentError};

/// Bytes and changes of one message to the agent.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_CHANGES: usize = 500;

/// One step, with what both sides agree on once it is done.
struct Step {
    change: FileChange,
    content: Bytes,
    path: WorkspacePath,
    after: After,
}

enum After {
    File(FileEntry),
    Folder,
    Nothing,
}

/// Where the content of a file is found by its hash.
pub(crate) enum Contents<'a> {
    /// Among the ledger's blobs.
    Store(&'a Store),
    /// Here.
    Memory(&'a HashMap<BlobHash, Bytes>),
}

impl<'a> From<&'a Store> for Contents<'a> {
    fn from(store: &'a Store) -> Self {
        Self::Store(store)
    }
}

impl<'a> From<&'a HashMap<BlobHash, Bytes>> for Contents<'a> {
    fn from(contents: &'a HashMap<BlobHash, Bytes>) -> Self {
        Self::Memory(contents)
    }
}

/// Writes a whole tree into an empty workspace.
///
/// # Errors
/// [`Error::Fill`] when the sandbox refuses a file.
pub(crate) async fn write_tree(
    agent: &AgentClient,
    contents: impl Into<Contents<'_>>,
    tree: &Tree,
) -> Result<(), Error> {
    let mut base = Tree::default();
    let diff = base.diff(tree);
    match apply(agent, contents, diff, &mut base).await?.pop_first() {
        Some((path, why)) => Err(Error::Fill { path: path.to_string(), why }),
        None => Ok(()),
    }
}

/// Does what `diff` asks for, and notes in `base` what was done. Gives back what the sandbox refused, with the reason.
pub(super) async fn apply(
    agent: &AgentClient,
    contents: impl Into<Contents<'_>>,
    diff: TreeDiff,
    base: &mut Tree,
) -> Result<BTreeMap<WorkspacePath, String>, Error> {
    let contents = contents.into();
    let mut refused = BTreeMap::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut steps = removals(&diff);
    steps.extend(diff.added_folders.iter().map(|path| Step {
        change: FileChange::MakeFolder { path: path.to_string() },
        content: Bytes::new(),
        path: path.clone(),
        after: After::Folder,
    }));
    for step in steps {
        batch.push(step);
        if batch.len() >= BATCH_CHANGES {
            send(agent, std::mem::take(&mut batch), base, &mut refused).await?;
        }
    }
    for written in diff.written.chunks(BATCH_CHANGES) {
        let hashes: Vec<BlobHash> = written.iter().map(|(_, entry)| entry.hash.clone()).collect();
        let loaded;
        let blobs = match &contents {
            Contents::Store(store) => {
                loaded = store.blobs(&hashes).await?;
                &loaded
            }
            Contents::Memory(blobs) => *blobs,
        };
        for (path, entry) in written {
            let step = write(path, entry, blobs)?;
            bytes += step.content.len();
            batch.push(step);
            if bytes >= BATCH_BYTES || batch.len() >= BATCH_CHANGES {
                send(agent, std::mem::take(&mut batch), base, &mut refused).await?;
                bytes = 0;
            }
        }
    }
    send(agent, batch, base, &mut refused).await?;
    Ok(refused)
}

fn removals(diff: &TreeDiff) -> Vec<Step> {
    // Files before folders, folders innermost first.
    let paths = diff.removed_files.iter().chain(&diff.removed_folders);
    paths
        .map(|path| Step {
            change: FileChange::Delete { path: path.to_string(), may_be_missing: true },
            content: Bytes::new(),
            path: path.clone(),
            after: After::Nothing,
        })
        .collect()
}

fn write(path: &WorkspacePath, entry: &FileEntry, blobs: &HashMap<BlobHash, Bytes>) -> Result<Step, Error> {
    let content = blobs
        .get(&entry.hash)
        .cloned()
        .ok_or_else(|| containrlab_store::StoreError::BlobMissing(entry.hash.clone()))?;
    Ok(Step {
        change: FileChange::Write {
            path: path.to_string(),
            size: content.len() as u64,
            executable: Some(entry.executable),
        },
        content,
        path: path.clone(),
        after: After::File(entry.clone()),
    })
}

/// Sends a batch. When the agent refuses part of it, each step is sent alone, so that one bad path holds up no other.
async fn send(
    agent: &AgentClient,
    batch: Vec<Step>,
    base: &mut Tree,
    refused: &mut BTreeMap<WorkspacePath, String>,
) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut contents = BytesMut::new();
    for step in &batch {
        contents.extend_from_slice(&step.content);
    }
    let changes = batch.iter().map(|step| step.change.clone()).collect();
    match agent.files_apply(changes, contents.freeze()).await {
        Ok(()) => {
            for step in batch {
                agree(base, step);
            }
        }
        Err(AgentError::Refused(_)) => {
            for step in batch {
                match agent.files_apply(vec![step.change.clone()], step.content.clone()).await {
                    Ok(()) => agree(base, step),
                    Err(AgentError::Refused(refusal)) => {
                        refused.insert(step.path, refusal.message);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn agree(base: &mut Tree, step: Step) {
    match step.after {
        After::File(entry) => {
            base.files.insert(step.path, entry);
        }
        After::Folder => {
            base.folders.insert(step.path);
        }
        After::Nothing => {
            base.files.remove(&step.path);
            base.folders.remove(&step.path);
        }
    }
}
