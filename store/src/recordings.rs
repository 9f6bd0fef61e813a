//! Kept output: what a terminal showed, what a job printed. Bytes with positions, in chunks as they came.

use bytes::Bytes;
use containrlab_domain::ids::{RecordingId, SessionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::rows::{column, signed, unsigned, word};
use crate::{Store, StoreError};

/// What a recording is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingKind {
    /// A terminal.
    Terminal,
    /// A job's output.
    Log,
}

impl RecordingKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Log => "log",
        }
    }
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordingRow {
    /// Which.
    pub recording_id: RecordingId,
    /// Of which session.
    pub session_id: SessionId,
    /// What it is of.
    pub kind: RecordingKind,
    /// Bytes of output so far: the position of the next byte.
    pub length: u64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was closed; no output follows then.
    pub closed_at: Option<Timestamp>,
}

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkCode {
    /// Output.
    Output,
    /// The terminal's new size, as `COLSxROWS`.
    Resize,
}

/// A piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Position of its first byte of output; for a resize, the position of the next byte when it happened.
    pub position: u64,
    /// What it holds.
    pub code: ChunkCode,
    /// The bytes.
    pub data: Bytes,
    /// When it was kept.
    pub at: Timestamp,
}

/// A terminal of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TerminalRow {
    /// Its name within the session.
    pub terminal: String,
    /// Its recording.
    pub recording_id: RecordingId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its shell ended, or its session.
    pub closed_at: Option<Timestamp>,
    /// The shell's exit code.
    pub exit_code: Option<i32>,
}

/// Keeps what is new of the bytes, at once and in one round trip: the row's lock makes writers of one recording take
/// turns, and what lies before the length is there already.
const APPEND: &str = "with recording as ( \
       select session_id, kind, length from recordings where recording_id = $1 for update), \
     fresh as (select length, substr($3::bytea, (length - $2 + 1)::int) as data from recording \
       where $2 <= length and $2 + octet_length($3) > length), \
     chunk as (insert into recording_chunks (recording_id, position, code, data) \
       select $1, length, 'o', data from fresh), \
     grown as (update recordings set length = $2 + octet_length($3) \
       where recording_id = $1 and exists (select from fresh)) \
     select session_id, kind, length from recording";

impl Store {
    /// Opens a recording; does nothing when it is open already.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all methods here.
    pub async fn open_recording(
        &self,
        recording: RecordingId,
        session: SessionId,
        kind: RecordingKind,
    ) -> Result<(), StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into recordings (recording_id, session_id, kind) values ($1, $2, $3) on conflict do nothing",
            )
            .await?;
        client.execute(&statement, &[&recording.0, &session.0, &kind.as_str()]).await?;
        Ok(())
    }

    /// Keeps output whose first byte has this position, and gives the length now. Bytes that are there already are
    /// left as they are, so the same call can be repeated. Rings the session's bell for a log; terminals are watched
    /// at their runner.
    ///
    /// # Errors
    /// [`StoreError::RecordingGap`] when bytes in between are missing, [`StoreError::RecordingUnknown`].
    pub async fn append_recording(
        &self,
        recording: RecordingId,
        position: u64,
        bytes: &[u8],
    ) -> Result<u64, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(APPEND).await?;
        let row = client.query_opt(&statement, &[&recording.0, &signed(position), &bytes]).await?;
        let row = row.ok_or(StoreError::RecordingUnknown(recording))?;
        let before = unsigned(&row, "length")?;
        if position > before {
            return Err(StoreError::RecordingGap { recording, length: before, position });
        }
        let length = before.max(position + bytes.len() as u64);
        if length > before && word::<RecordingKind>(&row, "kind")? == RecordingKind::Log {
            self.live().ring(SessionId(column(&row, "session_id")?));
        }
        Ok(length)
    }

    /// Leaves out what nobody has any more: the next output that is kept has this position. Does nothing when the
    /// recording is that long already.
    ///
    /// # Errors
    /// See [`Store::open_recording`].
    pub async fn skip_recording(&self, recording: RecordingId, to: u64) -> Result<(), StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached("update recordings set length = $2 where recording_id = $1 and length < $2")
            .await?;
        client.execute(&statement, &[&recording.0, &signed(to)]).await?;
        Ok(())
    }

    /// Where output goes on after a position at which there is none: beyond what [`Store::skip_recording`] left out.
    ///
    /// # Errors
    /// See [`Store::open_recording`].
    pub async fn recording_goes_on(
        &self,
        recording: RecordingId,
        after: u64,
    ) -> Result<Option<u64>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select min(position) as position from recording_chunks \
                 where recording_id = $1 and code = 'o' and position > $2",
            )
            .await?;
        let row = client.query_one(&statement, &[&recording.0, &signed(after)]).await?;
        let position: Option<i64> = column(&row, "position")?;
        Ok(position.and_then(|position| u64::try_from(position).ok()))
    }

    /// Notes that a terminal got a new size when its next byte had this position; the last one at a position counts.
    ///
    /// # Errors
    /// [`StoreError`] when the recording is not open.
    pub async fn append_resize(
        &self,
        recording: RecordingId,
        position: u64,
        cols: u16,
        rows: u16,
    ) -> Result<(), StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into recording_chunks (recording_id, position, code, data) values ($1, $2, 'r', $3) \
                 on conflict (recording_id, position, code) do update set data = excluded.data",
            )
            .await?;
        let size = format!("{cols}x{rows}");
        client.execute(&statement, &[&recording.0, &signed(position), &size.as_bytes()]).await?;
        Ok(())
    }

    /// No output follows. Can be repeated.
    ///
    /// # Errors
    /// See [`Store::open_recording`].
    pub async fn close_recording(&self, recording: RecordingId) -> Result<(), StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "update recordings set closed_at = clock_timestamp() \
                 where recording_id = $1 and closed_at is null returning session_id",
            )
            .await?;
        if let Some(row) = client.query_opt(&statement, &[&recording.0]).await? {
            self.live().ring(SessionId(column(&row, "session_id")?));
        }
        Ok(())
    }

    /// The recording with this id.
    ///
    /// # Errors
    /// See [`Store::open_recording`].
    pub async fn recording(&self, recording: RecordingId) -> Result<Option<RecordingRow>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select recording_id, session_id, kind, length, created_at, closed_at from recordings \
                 where recording_id = $1",
            )
            .await?;
        let row = client.query_opt(&statement, &[&recording.0]).await?;
        row.map(|row| {
            Ok(RecordingRow {
                recording_id: RecordingId(column(&row, "recording_id")?),
                session_id: SessionId(column(&row, "session_id")?),
                kind: word(&row, "kind")?,
                length: unsigned(&row, "length")?,
                created_at: column(&row, "created_at")?,
                closed_at: column(&row, "closed_at")?,
            })
        })
        .transpose()
    }

    /// At most `max_bytes` of output from a position on, cut exactly there, and the resizes among them. Read on from
    /// the position after the last byte; a resize right at a border is given on both sides of it, which does no harm.
    ///
    /// # Errors
    /// See [`Store::open_recording`].
    pub async fn read_recording(
        &self,
        recording: RecordingId,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<Chunk>, StoreError> {
        let client = self.database().await?;
        // The chunk that holds `from` may begin before it. A resize comes before the output at its position.
        let statement = client
            .prepare_cached(
                "select position, code::text as code, data, at from recording_chunks \
                 where recording_id = $1 and position < $3 and position >= coalesce( \
                   (select max(position) from recording_chunks \
                    where recording_id = $1 and code = 'o' and position <= $2), $2) \
                 order by position, code desc",
            )
            .await?;
        let end = from.saturating_add(max_bytes as u64);
        let rows = client.query(&statement, &[&recording.0, &signed(from), &signed(end)]).await?;
        let chunks: Vec<Chunk> = rows.iter().map(read_chunk).collect::<Result<_, _>>()?;
        Ok(chunks.into_iter().filter_map(|chunk| cut(chunk, from, end)).collect())
    }

    /// The terminals of a session, oldest first.
    ///
    /// # Errors
    /// See [`Store::open_recording`].
    pub async fn terminals_of(&self, session: SessionId) -> Result<Vec<TerminalRow>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select terminal, recording_id, opened_at, closed_at, exit_code from terminals \
                 where session_id = $1 order by opened_at",
            )
            .await?;
        let rows = client.query(&statement, &[&session.0]).await?;
        rows.iter()
            .map(|row| {
                Ok(TerminalRow {
                    terminal: column(row, "terminal")?,
                    recording_id: RecordingId(column::<Uuid>(row, "recording_id")?),
                    opened_at: column(row, "opened_at")?,
                    closed_at: column(row, "closed_at")?,
                    exit_code: column(row, "exit_code")?,
                })
            })
            .collect()
    }
}

fn read_chunk(row: &Row) -> Result<Chunk, StoreError> {
    Ok(Chunk {
        position: unsigned(row, "position")?,
        code: match column::<&str>(row, "code")? {
            "o" => ChunkCode::Output,
            "r" => ChunkCode::Resize,
            other => return Err(StoreError::damaged("column code", format!("{other:?} is no code"))),
        },
        data: Bytes::copy_from_slice(column::<&[u8]>(row, "data")?),
        at: column(row, "at")?,
    })
}

/// The part of a chunk between two positions, if there is one.
fn cut(mut chunk: Chunk, from: u64, end: u64) -> Option<Chunk> {
    if chunk.code == ChunkCode::Resize {
        return (chunk.position >= from).then_some(chunk);
    }
    let last = chunk.position + chunk.data.len() as u64;
    if last <= from {
        return None;
    }
    let skip = from.saturating_sub(chunk.position);
    let keep = end.min(last) - chunk.position;
    chunk.data = chunk.data.slice(skip as usize..keep as usize);
    chunk.position += skip;
    Some(chunk)
}
