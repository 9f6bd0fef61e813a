//! The ledger to a file.

use deadpool_postgres::Transaction;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_postgres::Row;

use super::Moved;
use super::line::{EventLine, FORMAT, Line};
use super::portions::{Portions, snapshot};
use crate::rows::{column, json, word};
use crate::{Store, StoreError};

const BLOBS: &str = "select hash, bytes from blobs order by hash";
const TREES: &str = "select hash, manifest from trees order by hash";
const LABS: &str = "select lab_slug, version, files, kept_at from lab_versions order by lab_slug, kept_at";
const EVENTS: &str = "select position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
       metadata, session_id, recorded_at \
     from events order by position";

/// Blobs fetched at once: 1 MiB each at most, as workspaces are limited.
const BLOBS_AT_ONCE: i32 = 8;

/// Other rows fetched at once.
const ROWS_AT_ONCE: i32 = 500;

impl Store {
    /// Writes the whole ledger with its blobs and trees, as it is at one moment, while others go on writing it.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble or the file can't be written.
    pub async fn export_ledger<W: AsyncWrite + Unpin + Send>(
        &self,
        writer: &mut W,
    ) -> Result<Moved, StoreError> {
        let mut client = self.database().await?;
        let transaction = snapshot(&mut client).await?;
        let mut moved = Moved::default();
        write(writer, &Line::Ledger { format: FORMAT }).await?;
        moved.blobs = write_all(&transaction, BLOBS, BLOBS_AT_ONCE, writer, |row| {
            Ok(Line::Blob { hash: word(row, "hash")?, bytes: column(row, "bytes")? })
        })
        .await?;
        moved.trees = write_all(&transaction, TREES, ROWS_AT_ONCE, writer, |row| {
            Ok(Line::Tree { hash: word(row, "hash")?, manifest: json(row, "manifest")? })
        })
        .await?;
        moved.labs = write_all(&transaction, LABS, ROWS_AT_ONCE, writer, |row| {
            Ok(Line::Lab {
                slug: word(row, "lab_slug")?,
                version: word(row, "version")?,
                files: json(row, "files")?,
                kept_at: column(row, "kept_at")?,
            })
        })
        .await?;
        moved.events = write_all(&transaction, EVENTS, ROWS_AT_ONCE, writer, event_line).await?;
        write(writer, &Line::End(moved)).await?;
        writer.flush().await.map_err(StoreError::File)?;
        Ok(moved)
    }
}

fn event_line(row: &Row) -> Result<Line, StoreError> {
    Ok(Line::Event(EventLine {
        position: column(row, "position")?,
        aggregate_type: column(row, "aggregate_type")?,
        aggregate_id: column(row, "aggregate_id")?,
        sequence: column(row, "sequence")?,
        event_type: column(row, "event_type")?,
        event_version: column(row, "event_version")?,
        payload: column(row, "payload")?,
        metadata: json(row, "metadata")?,
        session_id: column(row, "session_id")?,
        recorded_at: column(row, "recorded_at")?,
    }))
}

/// One line for each row, a portion at a time.
async fn write_all<W: AsyncWrite + Unpin + Send>(
    transaction: &Transaction<'_>,
    sql: &str,
    at_once: i32,
    writer: &mut W,
    line: impl Fn(&Row) -> Result<Line, StoreError>,
) -> Result<u64, StoreError> {
    let portions = Portions::of(transaction, sql, at_once).await?;
    let mut count = 0;
    while let Some(rows) = portions.next().await? {
        for row in &rows {
            write(writer, &line(row)?).await?;
        }
        count += rows.len() as u64;
    }
    Ok(count)
}

async fn write<W: AsyncWrite + Unpin + Send>(writer: &mut W, line: &Line) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec(line).map_err(|error| StoreError::damaged("a line", error))?;
    text.push(b'\n');
    writer.write_all(&text).await.map_err(StoreError::File)
}
