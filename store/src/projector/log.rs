//! The log in the order of commits, a stretch at a time.

use cqrs_es::Aggregate;
use cqrs_es::persist::SerializedEvent;
use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::rows::column;
use crate::{StoreError, upcasters};

/// A place in the log. Transaction ids go as text, since the driver knows no type for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tx: String,
    pub(super) position: i64,
}

/// The end of the next stretch of `$3` events after a place, or of what there is, and the number of events in it. Nothing
/// above the oldest transaction that is still under way is touched.
const STRETCH: &str = "select tx::text as tx, position, count(*) over () as events from ( \
       select tx, position from events \
       where (tx, position) > ($1::text::xid8, $2) and tx < pg_snapshot_xmin(pg_current_snapshot()) \
       order by tx, position limit $3) as stretch \
     order by stretch.tx desc, stretch.position desc limit 1";

/// Those of the next `$3` events after a place that have one of the types `$4`. By their number and not by their last place:
/// PostgreSQL can't tell how few events lie between two places, and would read the whole log for each stretch, so that a
/// rebuild would cost the square of its length.
const EVENTS: &str = "select aggregate_type, aggregate_id, sequence, event_type, event_version, payload from ( \
       select tx, position, aggregate_type, aggregate_id, sequence, event_type, event_version, payload from events \
       where (tx, position) > ($1::text::xid8, $2) order by tx, position limit $3) as stretch \
     where event_type = any($4) order by tx, position";

/// An event as it was written.
pub(super) struct LoggedEvent {
    pub(super) aggregate_type: String,
    pub(super) aggregate_id: Uuid,
    pub(super) event_type: String,
    sequence: i64,
    event_version: String,
    payload: serde_json::Value,
}

impl LoggedEvent {
    pub(super) fn read(row: &tokio_postgres::Row) -> Result<Self, StoreError> {
        Ok(Self {
            aggregate_type: column(row, "aggregate_type")?,
            aggregate_id: column(row, "aggregate_id")?,
            event_type: column(row, "event_type")?,
            sequence: column(row, "sequence")?,
            event_version: column(row, "event_version")?,
            payload: column(row, "payload")?,
        })
    }

    /// The event in its newest version.
    pub(super) fn lift<A: Aggregate>(self) -> Result<A::Event, StoreError> {
        let sequence =
            usize::try_from(self.sequence).map_err(|error| StoreError::damaged("a sequence", error))?;
        let stored = SerializedEvent::new(
            self.aggregate_id.to_string(),
            sequence,
            self.aggregate_type,
            self.event_type,
            self.event_version,
            self.payload,
            serde_json::Value::Object(serde_json::Map::new()),
        );
        Ok(upcasters::lift::<A>(stored)?.payload)
    }
}

/// Where the next stretch ends and how many events it has; `None` when there is nothing to read yet.
pub(super) async fn next_stretch(
    transaction: &Transaction<'_>,
    after: &Place,
    most: i64,
) -> Result<Option<(Place, i64)>, StoreError> {
    let statement = transaction.prepare_cached(STRETCH).await?;
    let row = transaction.query_opt(&statement, &[&after.tx, &after.position, &most]).await?;
    row.map(|row| {
        let end = Place { tx: column(&row, "tx")?, position: column(&row, "position")? };
        Ok((end, column(&row, "events")?))
    })
    .transpose()
}

/// The events of these types among the next so many after a place, as many as [`next_stretch`] has counted: below its end
/// nothing new can appear.
pub(super) async fn events_among(
    transaction: &Transaction<'_>,
    after: &Place,
    count: i64,
    types: &[&str],
) -> Result<Vec<LoggedEvent>, StoreError> {
    let statement = transaction.prepare_cached(EVENTS).await?;
    let rows = transaction.query(&statement, &[&after.tx, &after.position, &count, &types]).await?;
    rows.iter().map(LoggedEvent::read).collect()
}
