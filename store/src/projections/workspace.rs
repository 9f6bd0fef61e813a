//! The files of workspaces.

use containrlab_domain::ids::{BlobHash, SessionId, WorkspaceId};
use containrlab_domain::workspace::{
    FileEntry, Tree, Workspace, WorkspaceEvent, WorkspaceLimits, WorkspacePath,
};
use cqrs_es::EventEnvelope;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::{change, change_one};
use crate::rows::{signed, to_json};
use crate::{Recorded, StoreError};

/// Path `$2` itself and all below it. `0` is the character after `/`, so that the primary key finds the range.
macro_rules! at_or_below {
    () => {
        "workspace_id = $1 and (path = $2 or (path >= $2 || '/' and path < $2 || '0'))"
    };
}

const DELETE: &str = concat!("delete from workspace_files where ", at_or_below!());

const RENAME: &str = concat!(
    "update workspace_files set path = $3 || substr(path, char_length($2) + 1), updated_at = $4 where ",
    at_or_below!()
);

impl Recorded for Workspace {
    fn session_of(id: Uuid, _: &WorkspaceEvent) -> Option<SessionId> {
        Some(WorkspaceId(id).session())
    }

    async fn project(
        transaction: &Transaction<'_>,
        id: Uuid,
        event: &EventEnvelope<Self>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let version = signed(event.sequence as u64);
        if let WorkspaceEvent::Opened { tree, limits, .. } = &event.payload {
            return opened(transaction, id, tree, *limits, version, at).await;
        }
        let sql = "update workspaces set version = $2, updated_at = $3 where workspace_id = $1";
        change_one(transaction, "a workspace", sql, &[&id, &version, &at]).await?;
        match &event.payload {
            // A file that could not be kept stays as it was; the timeline says so.
            WorkspaceEvent::Opened { .. } | WorkspaceEvent::NotKept { .. } => Ok(()),
            WorkspaceEvent::FileWritten { path, entry } => write(transaction, id, path, entry, at).await,
            WorkspaceEvent::FolderCreated { path } => {
                add_folders(transaction, id, &[path.as_str()], at).await
            }
            WorkspaceEvent::Deleted { path } => {
                change(transaction, DELETE, &[&id, &path.as_str()]).await?;
                Ok(())
            }
            WorkspaceEvent::Renamed { from, to } => {
                change(transaction, RENAME, &[&id, &from.as_str(), &to.as_str(), &at]).await?;
                Ok(())
            }
        }
    }
}

async fn opened(
    transaction: &Transaction<'_>,
    id: Uuid,
    tree: &Tree,
    limits: WorkspaceLimits,
    version: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "insert into workspaces (workspace_id, limits, version, updated_at) values ($1, $2, $3, $4)";
    change_one(transaction, "a workspace", sql, &[&id, &to_json(&limits)?, &version, &at]).await?;
    let paths: Vec<&str> = tree.files.keys().map(WorkspacePath::as_str).collect();
    let hashes: Vec<&str> = tree.files.values().map(|entry| entry.hash.as_str()).collect();
    let sizes: Vec<i64> = tree.files.values().map(|entry| signed(entry.size)).collect();
    let executables: Vec<bool> = tree.files.values().map(|entry| entry.executable).collect();
    let written = change(
        transaction,
        "insert into workspace_files (workspace_id, path, hash, size, executable, updated_at) \
         select $1, file.path, file.hash, file.size, file.executable, $2 \
         from unnest($3::text[], $4::text[], $5::bigint[], $6::boolean[]) as file (path, hash, size, executable) \
         where exists (select from blobs where blobs.hash = file.hash)",
        &[&id, &at, &paths, &hashes, &sizes, &executables],
    )
    .await?;
    if written < paths.len() as u64 {
        return Err(first_missing(transaction, tree).await?);
    }
    let folders: Vec<&str> = tree.folders.iter().map(WorkspacePath::as_str).collect();
    if folders.is_empty() { Ok(()) } else { add_folders(transaction, id, &folders, at).await }
}

/// Which of a tree's blobs is not in the store.
async fn first_missing(transaction: &Transaction<'_>, tree: &Tree) -> Result<StoreError, StoreError> {
    let mut missing = tree.files.values().next().map(|entry| entry.hash.clone());
    for entry in tree.files.values() {
        let statement = transaction.prepare_cached("select from blobs where hash = $1").await?;
        if transaction.query_opt(&statement, &[&entry.hash.as_str()]).await?.is_none() {
            missing = Some(entry.hash.clone());
            break;
        }
    }
    let missing = missing.unwrap_or_else(|| BlobHash::of(b""));
    Ok(StoreError::BlobMissing(missing))
}

async fn write(
    transaction: &Transaction<'_>,
    id: Uuid,
    path: &WorkspacePath,
    entry: &FileEntry,
    at: Timestamp,
) -> Result<(), StoreError> {
    let written = change(
        transaction,
        "insert into workspace_files (workspace_id, path, hash, size, executable, updated_at) \
         select $1, $2, hash, $4, $5, $6 from blobs where hash = $3 \
         on conflict (workspace_id, path) do update set hash = excluded.hash, size = excluded.size, \
           executable = excluded.executable, updated_at = excluded.updated_at",
        &[&id, &path.as_str(), &entry.hash.as_str(), &signed(entry.size), &entry.executable, &at],
    )
    .await?;
    if written == 0 { Err(StoreError::BlobMissing(entry.hash.clone())) } else { Ok(()) }
}

async fn add_folders(
    transaction: &Transaction<'_>,
    id: Uuid,
    folders: &[&str],
    at: Timestamp,
) -> Result<(), StoreError> {
    change(
        transaction,
        "insert into workspace_files (workspace_id, path, updated_at) \
         select $1, path, $2 from unnest($3::text[]) as folder (path) on conflict do nothing",
        &[&id, &at, &folders],
    )
    .await?;
    Ok(())
}
