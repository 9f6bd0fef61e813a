//! Learners.

use containrlab_domain::ids::SessionId;
use containrlab_domain::learner::{Learner, LearnerEvent};
use cqrs_es::EventEnvelope;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::change_one;
use crate::{Recorded, StoreError};

impl Recorded for Learner {
    fn session_of(_: Uuid, _: &LearnerEvent) -> Option<SessionId> {
        None
    }

    async fn project(
        transaction: &Transaction<'_>,
        _: Uuid,
        event: &EventEnvelope<Self>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        match &event.payload {
            LearnerEvent::Registered { learner, provider, subject, name } => {
                change_one(
                    transaction,
                    "a learner",
                    "insert into learners (learner_id, provider, subject, name, registered_at) \
                     values ($1, $2, $3, $4, $5)",
                    &[&learner.0, &provider.as_str(), subject, name, &at],
                )
                .await
            }
        }
    }
}
