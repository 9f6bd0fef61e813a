//! cqrs-es' own trait over the ledger, so that its framework and tools can be used with it.

use std::collections::HashMap;

use cqrs_es::{AggregateContext, AggregateError, EventEnvelope, EventStore};
use uuid::Uuid;

use super::append::{Append, AppendError};
use super::{Ledger, Recorded};
use crate::StoreError;

/// A loaded aggregate, and where its stream stood.
pub struct StreamContext<A> {
    id: Uuid,
    version: u64,
    aggregate: A,
}

impl<A: Recorded> AggregateContext<A> for StreamContext<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

fn stream_id<E: std::error::Error>(id: &str) -> Result<Uuid, AggregateError<E>> {
    id.parse().map_err(|error| AggregateError::UnexpectedError(Box::new(error)))
}

fn trouble<E: std::error::Error>(error: StoreError) -> AggregateError<E> {
    match error {
        StoreError::Damaged { .. } => AggregateError::DeserializationError(Box::new(error)),
        error if error.is_unavailable() => AggregateError::DatabaseConnectionError(Box::new(error)),
        error => AggregateError::UnexpectedError(Box::new(error)),
    }
}

impl<A: Recorded> EventStore<A> for Ledger {
    type AC = StreamContext<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        self.read_stream(stream_id(aggregate_id)?).await.map_err(trouble)
    }

    async fn load_aggregate(&self, aggregate_id: &str) -> Result<Self::AC, AggregateError<A::Error>> {
        let id = stream_id(aggregate_id)?;
        let (aggregate, version) = self.replay(id).await.map_err(trouble)?;
        Ok(StreamContext { id, version, aggregate })
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Self::AC,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let append = Append { id: context.id, expected: context.version, condition: None, events, metadata };
        self.append::<A>(append).await.map_err(|error| match error {
            AppendError::Conflict | AppendError::Duplicate(_) | AppendError::Unmet => {
                AggregateError::AggregateConflict
            }
            AppendError::Store(error) => trouble(error),
        })
    }
}
