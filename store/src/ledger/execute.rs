//! A command from end to end: load, decide, append; again when somebody else was quicker.

use std::time::Duration;

use containrlab_domain::actor::Provenance;
use cqrs_es::EventEnvelope;
use cqrs_es::event_sink::EventSink;
use rand::Rng;
use tracing::Instrument;
use uuid::Uuid;

use super::append::{Append, AppendError};
use super::{CommandError, Condition, Ledger, Recorded};
use crate::{Store, StoreError};

/// How often a command is decided anew after somebody else was quicker.
const RETRIES: u32 = 5;

/// What a command led to.
#[derive(Debug, Clone)]
pub struct Committed<A: Recorded> {
    /// The new events; none when the aggregate saw nothing to do.
    pub events: Vec<EventEnvelope<A>>,
    /// Sequence of the stream's last event now.
    pub version: u64,
    /// The aggregate after them.
    pub aggregate: A,
}

impl Store {
    /// Lets the aggregate decide on a command, and records what it decides: events, jobs owed and read models in one
    /// transaction. When somebody else appended to the same stream meanwhile, it decides anew, a few times.
    ///
    /// # Errors
    /// See [`CommandError`]. Nothing was recorded then, except possibly on [`StoreError::CommitUnknown`].
    pub async fn execute<A: Recorded>(
        &self,
        id: Uuid,
        command: A::Command,
        by: &Provenance,
    ) -> Result<Committed<A>, CommandError<A::Error>>
    where
        A::Command: Clone,
    {
        let condition = A::start_of(&command).map(Condition::Free);
        self.execute_if(condition, id, command, by).await?.ok_or(CommandError::StillHeld)
    }

    /// As [`Store::execute`], but only while a condition holds: `None` when it no longer does.
    pub(crate) async fn execute_if<A: Recorded>(
        &self,
        condition: Option<Condition>,
        id: Uuid,
        command: A::Command,
        by: &Provenance,
    ) -> Result<Option<Committed<A>>, CommandError<A::Error>> {
        let span = tracing::debug_span!("command", aggregate = A::TYPE, %id, request = %by.request);
        self.ledger().decide_and_append::<A>(id, command, condition, by).instrument(span).await
    }

    /// An aggregate as its events make it, and the sequence of the last one (0: it has none).
    ///
    /// # Errors
    /// [`StoreError`] when the stream cannot be read.
    pub async fn load<A: Recorded>(&self, id: Uuid) -> Result<(A, u64), StoreError> {
        self.ledger().replay(id).await
    }
}

impl Ledger {
    /// `None` when the condition does not hold.
    async fn decide_and_append<A: Recorded>(
        &self,
        id: Uuid,
        command: A::Command,
        condition: Option<Condition>,
        by: &Provenance,
    ) -> Result<Option<Committed<A>>, CommandError<A::Error>> {
        for attempt in 0..=RETRIES {
            let (mut aggregate, expected) = self.replay_further::<A>(id).await?;
            let sink = EventSink::default();
            aggregate.handle(command.clone(), &(), &sink).await.map_err(CommandError::Refused)?;
            let events = sink.collect().await;
            if events.is_empty() {
                return Ok(Some(Committed { events: Vec::new(), version: expected, aggregate }));
            }
            let append = Append { id, expected, condition, events, metadata: by.to_metadata() };
            match self.append::<A>(append).await {
                Ok(events) => {
                    let version = expected + events.len() as u64;
                    return Ok(Some(Committed { events, version, aggregate }));
                }
                Err(AppendError::Conflict) => {
                    tracing::debug!(attempt, "somebody else was quicker; deciding anew");
                    let most = 4 << attempt;
                    let wait = rand::rng().random_range(1..=most);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                Err(AppendError::Duplicate(of)) => return Err(CommandError::Duplicate(of)),
                Err(AppendError::Unmet) => return Ok(None),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CommandError::Conflict)
    }
}
