//! Reading a stream: every event, lifted to its newest version, in order.

use cqrs_es::EventEnvelope;
use cqrs_es::persist::SerializedEvent;
use uuid::Uuid;

use super::{Ledger, Recorded};
use crate::rows::column;
use crate::{StoreError, upcasters};

const STREAM: &str = "select sequence, event_type, event_version, payload, metadata from events \
                      where aggregate_type = $1 and aggregate_id = $2 order by sequence";

impl Ledger {
    /// All events of a stream, in order; empty when there is no such stream.
    pub(crate) async fn read_stream<A: Recorded>(
        &self,
        id: Uuid,
    ) -> Result<Vec<EventEnvelope<A>>, StoreError> {
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(STREAM).await?;
        let rows = client.query(&statement, &[&A::TYPE, &id]).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let sequence: i64 = column(&row, "sequence")?;
            let stored = SerializedEvent::new(
                id.to_string(),
                usize::try_from(sequence).map_err(|error| StoreError::damaged("a sequence", error))?,
                A::TYPE.to_owned(),
                column(&row, "event_type")?,
                column(&row, "event_version")?,
                column(&row, "payload")?,
                column(&row, "metadata")?,
            );
            events.push(upcasters::lift::<A>(stored)?);
        }
        Ok(events)
    }

    /// An aggregate as its events make it, and the sequence of the last one (0: no such stream).
    pub(crate) async fn replay<A: Recorded>(&self, id: Uuid) -> Result<(A, u64), StoreError> {
        let mut aggregate = A::default();
        let mut version = 0;
        for event in self.read_stream::<A>(id).await? {
            version = event.sequence as u64;
            aggregate.apply(event.payload);
        }
        Ok((aggregate, version))
    }
}
