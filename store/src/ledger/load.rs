//! Reading a stream: every event, lifted to its newest version, in order.

use cqrs_es::EventEnvelope;
use tokio_postgres::Row;
use uuid::Uuid;

use super::known::Read;
use super::{Ledger, Recorded};
use crate::rows::{column, signed};
use crate::{StoreError, upcasters};

const STREAM: &str = "select position, sequence, event_type, event_version, payload, metadata from events \
                      where aggregate_type = $1 and aggregate_id = $2 and sequence >= $3 order by sequence";

/// An event, and where in the log it stands.
struct Logged<A: Recorded> {
    position: i64,
    event: EventEnvelope<A>,
}

impl Ledger {
    /// All events of a stream, in order; empty when there is no such stream.
    pub(crate) async fn read_stream<A: Recorded>(
        &self,
        id: Uuid,
    ) -> Result<Vec<EventEnvelope<A>>, StoreError> {
        Ok(self.read_from::<A>(id, 1).await?.into_iter().map(|logged| logged.event).collect())
    }

    /// An aggregate as its events make it, and the sequence of the last one (0: no such stream).
    pub(crate) async fn replay<A: Recorded>(&self, id: Uuid) -> Result<(A, u64), StoreError> {
        let read = continued(None, self.read_from(id, 1).await?);
        Ok((read.aggregate, read.version))
    }

    /// As [`Ledger::replay`], but reads only what this process has not read before.
    pub(super) async fn replay_further<A: Recorded>(&self, id: Uuid) -> Result<(A, u64), StoreError> {
        let known = self.known.get::<A>(id);
        // The last event that is known comes once more, to see that it is still there.
        let events = self.read_from(id, known.as_ref().map_or(1, |known| known.version)).await?;
        let read = match (known, events.first()) {
            (Some(known), Some(first)) if first.position == known.position => {
                if events.len() == 1 {
                    return Ok((known.aggregate.clone(), known.version));
                }
                continued(Some(&known), events.into_iter().skip(1))
            }
            (Some(_), _) => {
                self.known.forget::<A>(id);
                continued(None, self.read_from(id, 1).await?)
            }
            (None, _) => continued(None, events),
        };
        let (aggregate, version) = (read.aggregate.clone(), read.version);
        if version > 0 {
            self.known.remember(id, read);
        }
        Ok((aggregate, version))
    }

    async fn read_from<A: Recorded>(&self, id: Uuid, sequence: u64) -> Result<Vec<Logged<A>>, StoreError> {
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(STREAM).await?;
        let rows = client.query(&statement, &[&A::TYPE, &id, &signed(sequence)]).await?;
        rows.iter().map(|row| logged(id, row)).collect()
    }
}

fn logged<A: Recorded>(id: Uuid, row: &Row) -> Result<Logged<A>, StoreError> {
    let stored = upcasters::stored(row, A::TYPE, id)?;
    Ok(Logged { position: column(row, "position")?, event: upcasters::lift::<A>(stored)? })
}

/// What was known before, and what follows.
fn continued<A: Recorded>(known: Option<&Read<A>>, events: impl IntoIterator<Item = Logged<A>>) -> Read<A> {
    let mut read = match known {
        Some(Read { aggregate, version, position }) => {
            Read { aggregate: aggregate.clone(), version: *version, position: *position }
        }
        None => Read { aggregate: A::default(), version: 0, position: 0 },
    };
    for Logged { position, event } in events {
        read.version = event.sequence as u64;
        read.position = position;
        read.aggregate.apply(event.payload);
    }
    read
}
