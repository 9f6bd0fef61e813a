//! The files of workspaces as they are now.

use std::collections::{BTreeMap, BTreeSet};

use containrlab_domain::ids::WorkspaceId;
use containrlab_domain::workspace::{FileEntry, Tree, WorkspacePath};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::rows::{column, unsigned, word, word_or_null};
use crate::{Store, StoreError};

impl Store {
    /// The files of a workspace and its version: the sequence of its last event. `None` when it was never opened.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn workspace_tree(&self, workspace: WorkspaceId) -> Result<Option<(Tree, u64)>, StoreError> {
        let client = self.database().await?;
        // One statement sees one moment: files and version belong together.
        let statement = client
            .prepare_cached(
                "select w.version, f.path, f.hash, coalesce(f.size, 0) as size, \
                   coalesce(f.executable, false) as executable \
                 from workspaces w left join workspace_files f using (workspace_id) where workspace_id = $1",
            )
            .await?;
        let rows = client.query(&statement, &[&workspace.0]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let version = unsigned(first, "version")?;
        Ok(Some((read_tree(&rows)?, version)))
    }

    /// When a workspace was last changed. `None` when it was never opened.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn workspace_changed_at(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let client = self.database().await?;
        let statement =
            client.prepare_cached("select updated_at from workspaces where workspace_id = $1").await?;
        let row = client.query_opt(&statement, &[&workspace.0]).await?;
        row.as_ref().map(|row| column(row, "updated_at")).transpose()
    }

    /// A workspace's version alone: whether somebody's copy is behind. `None` when it was never opened.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn workspace_version(&self, workspace: WorkspaceId) -> Result<Option<u64>, StoreError> {
        let client = self.database().await?;
        let statement =
            client.prepare_cached("select version from workspaces where workspace_id = $1").await?;
        let row = client.query_opt(&statement, &[&workspace.0]).await?;
        row.as_ref().map(|row| unsigned(row, "version")).transpose()
    }
}

fn read_tree(rows: &[Row]) -> Result<Tree, StoreError> {
    let mut files = BTreeMap::new();
    let mut folders = BTreeSet::new();
    for row in rows {
        let Some(path) = word_or_null::<WorkspacePath>(row, "path")? else { continue };
        if column::<Option<&str>>(row, "hash")?.is_none() {
            folders.insert(path);
            continue;
        }
        let entry = FileEntry {
            hash: word(row, "hash")?,
            size: unsigned(row, "size")?,
            executable: column(row, "executable")?,
        };
        files.insert(path, entry);
    }
    Ok(Tree { files, folders })
}
