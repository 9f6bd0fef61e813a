//! All that happened in a session, in order: the events of the session, its workspace and its attempts.

use containrlab_domain::actor::RecordedActor;
use containrlab_domain::ids::SessionId;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::rows::column;
use crate::{Store, StoreError, upcasters};

/// One event on a session's timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineEntry {
    /// Its place in the ledger; the one to read on from.
    pub position: i64,
    /// When, by PostgreSQL's clock.
    pub recorded_at: Timestamp,
    /// `session`, `workspace` or `attempt`.
    pub aggregate_type: String,
    /// Which one.
    pub aggregate_id: Uuid,
    /// Its place in that stream, counted from 1.
    pub sequence: u64,
    /// What kind of event.
    pub event_type: String,
    /// The newest version of its type.
    pub event_version: String,
    /// The event in that version, whatever it was written in.
    pub payload: Value,
    /// By whose hand.
    #[serde(serialize_with = "actor_word")]
    pub actor: RecordedActor,
    /// In which request.
    pub request: String,
}

fn actor_word<S: Serializer>(actor: &RecordedActor, serializer: S) -> Result<S::Ok, S::Error> {
    let text = match actor {
        RecordedActor::Learner(id) => format!("learner:{id}"),
        RecordedActor::Terminal(id) => format!("terminal:{id}"),
        RecordedActor::System(part) => format!("system:{part}"),
    };
    serializer.serialize_str(&text)
}

impl TimelineEntry {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let actor: &str = column(row, "actor")?;
        let id: Uuid = column(row, "aggregate_id")?;
        let newest = upcasters::newest(upcasters::stored(row, column(row, "aggregate_type")?, id)?);
        Ok(Self {
            position: column(row, "position")?,
            recorded_at: column(row, "recorded_at")?,
            aggregate_type: newest.aggregate_type,
            aggregate_id: id,
            sequence: newest.sequence as u64,
            event_type: newest.event_type,
            event_version: newest.event_version,
            payload: newest.payload,
            actor: actor.parse().map_err(|error| StoreError::damaged("an event's actor", error))?,
            request: column(row, "request")?,
        })
    }
}

impl Store {
    /// What happened in a session after the given position (0: from its beginning), at most `limit` entries. Within
    /// a session positions become visible in order, so reading on from the last one misses nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn timeline(
        &self,
        session: SessionId,
        after_position: i64,
        limit: usize,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, event_version, \
                   payload, metadata, coalesce(metadata->>'actor', 'system:unknown') as actor, \
                   coalesce(metadata->>'request', '') as request \
                 from events where session_id = $1 and position > $2 order by position limit $3",
            )
            .await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = client.query(&statement, &[&session.0, &after_position, &limit]).await?;
        rows.iter().map(TimelineEntry::read).collect()
    }
}
