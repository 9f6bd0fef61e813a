//! Writing: events, jobs owed and read models, all or nothing.

use std::collections::HashMap;
use std::time::Duration;

use containrlab_domain::ids::SessionId;
use cqrs_es::{DomainEvent, EventEnvelope};
use deadpool_postgres::Transaction;
use futures::TryFutureExt;
use futures::future::try_join3;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::condition::{Condition, Question};
use super::{DuplicateOf, Ledger, Recorded};
use crate::rows::{column, signed, to_json};
use crate::{StoreError, faults};

/// One writer at a time per session, until its commit: so the positions on a session's timeline are in the order in
/// which they become visible, and whoever reads on from a position misses nothing.
const LOCK_TIMELINE: &str = "select pg_advisory_xact_lock(hashtextextended(coalesce($1::uuid, \
     (select session_id from events where aggregate_type = $2 and aggregate_id = $3 and sequence = 1))::text, 0))";

/// One round trip, however many events. The expected version is checked by the unique constraint on the sequence.
const INSERT: &str = "insert into events \
     (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, session_id) \
     select $1, $2, e.sequence, e.event_type, e.event_version, e.payload, $3, coalesce($4::uuid, \
       (select session_id from events where aggregate_type = $1 and aggregate_id = $2 and sequence = 1)) \
     from unnest($5::bigint[], $6::text[], $7::text[], $8::jsonb[]) \
       as e (sequence, event_type, event_version, payload) \
     order by e.sequence \
     returning recorded_at, session_id, tx::text as tx";

/// Why nothing was appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Somebody else appended to the stream meanwhile.
    Conflict,
    /// A unique index of a read model says that there is one already.
    Duplicate(DuplicateOf),
    /// The condition does not hold.
    Unmet,
    /// Trouble.
    Store(StoreError),
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Database(database) => match collision(database) {
                Some(collision) => collision,
                None => Self::Store(error),
            },
            _ => Self::Store(error),
        }
    }
}

impl From<tokio_postgres::Error> for AppendError {
    fn from(error: tokio_postgres::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// What a refused statement says about others, if it does.
fn collision(error: &tokio_postgres::Error) -> Option<AppendError> {
    let database = error.as_db_error()?;
    if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(database.code()) {
        return Some(AppendError::Conflict);
    }
    if *database.code() != SqlState::UNIQUE_VIOLATION {
        return None;
    }
    match database.constraint()? {
        "events_aggregate_type_aggregate_id_sequence_key" => Some(AppendError::Conflict),
        "sessions_one_active" => Some(AppendError::Duplicate(DuplicateOf::ActiveSession)),
        "learners_provider_subject_key" => Some(AppendError::Duplicate(DuplicateOf::Learner)),
        "jobs_pkey" | "sessions_pkey" | "attempts_pkey" | "learners_pkey" | "terminals_pkey" => {
            Some(AppendError::Duplicate(DuplicateOf::Id))
        }
        _ => None,
    }
}

/// What an append wants to be true, and adds.
pub(crate) struct Append<A: Recorded> {
    /// The stream.
    pub(crate) id: Uuid,
    /// Sequence of its last event as the caller knows it.
    pub(crate) expected: u64,
    /// What else must be so.
    pub(crate) condition: Option<Condition>,
    /// What to add; not empty.
    pub(crate) events: Vec<A::Event>,
    /// Who, and in which request.
    pub(crate) metadata: HashMap<String, String>,
}

impl Ledger {
    /// Appends, or leaves everything as it was. Rings the bells after the commit.
    pub(crate) async fn append<A: Recorded>(
        &self,
        append: Append<A>,
    ) -> Result<Vec<EventEnvelope<A>>, AppendError> {
        let id = append.id;
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        let session = append.events.iter().find_map(|event| A::session_of(id, event));
        let written = insert(&transaction, &append, session).await?;
        let envelopes: Vec<EventEnvelope<A>> = append
            .events
            .into_iter()
            .zip(append.expected as usize + 1..)
            .map(|(payload, sequence)| EventEnvelope {
                aggregate_id: id.to_string(),
                sequence,
                payload,
                metadata: append.metadata.clone(),
            })
            .collect();
        for (event, at) in envelopes.iter().zip(&written.times) {
            A::project(&transaction, id, event, *at).await?;
        }
        faults::point("append_written");
        if let Err(error) = transaction.commit().await {
            let error = StoreError::from(error);
            drop(client);
            if !error.is_unavailable() {
                return Err(error.into());
            }
            self.find_out(&written.transaction_id, error).await?;
        }
        faults::point("append_committed");
        if let Some(session) = written.session {
            self.live.ring(session);
        }
        if envelopes.iter().any(|event| A::lets_push(&event.payload)) {
            self.live.ring_outbox();
        }
        self.live.ring_log();
        Ok(envelopes)
    }

    /// The connection broke during the commit: asks a new one whether it took effect.
    async fn find_out(&self, transaction_id: &str, lost: StoreError) -> Result<(), StoreError> {
        tracing::warn!(%lost, transaction_id, "the connection was lost during a commit; asking for its outcome");
        for wait in [10, 50, 250, 1000, 2000] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let Ok(client) = self.pool.get().await else { continue };
            let asked = client.query_one("select pg_xact_status($1::text::xid8)", &[&transaction_id]).await;
            let status: Option<String> = match asked {
                Ok(row) => row.try_get(0)?,
                Err(_) => continue,
            };
            match status.as_deref() {
                Some("committed") => return Ok(()),
                Some("aborted") => return Err(lost),
                _ => {}
            }
        }
        Err(StoreError::CommitUnknown)
    }
}

/// What PostgreSQL says of the events just inserted.
struct Written {
    times: Vec<Timestamp>,
    session: Option<SessionId>,
    transaction_id: String,
}

async fn insert<A: Recorded>(
    transaction: &Transaction<'_>,
    append: &Append<A>,
    session: Option<SessionId>,
) -> Result<Written, AppendError> {
    let count = append.events.len();
    let sequences: Vec<i64> = (append.expected + 1..).take(count).map(signed).collect();
    let types: Vec<String> = append.events.iter().map(DomainEvent::event_type).collect();
    let versions: Vec<String> = append.events.iter().map(DomainEvent::event_version).collect();
    let payloads: Vec<Value> = append.events.iter().map(to_json).collect::<Result<_, _>>()?;
    let metadata = to_json(&append.metadata)?;
    let session = session.map(|session| session.0);
    let lock = transaction.prepare_cached(LOCK_TIMELINE).await?;
    let insert = transaction.prepare_cached(INSERT).await?;
    let lock_parameters: [&(dyn ToSql + Sync); 3] = [&session, &A::TYPE, &append.id];
    let insert_parameters: [&(dyn ToSql + Sync); 8] =
        [&A::TYPE, &append.id, &metadata, &session, &sequences, &types, &versions, &payloads];
    let question = match append.condition {
        Some(condition) => Some(condition.prepare(transaction).await?),
        None => None,
    };
    // Sent one after the other without waiting in between; PostgreSQL works them off in this order. The rows' locks
    // come after the timeline's in every append, so no two of them wait for one another crosswise.
    let (_, (), rows) = try_join3(
        transaction.query(&lock, &lock_parameters).map_err(AppendError::from),
        unless_unmet(transaction, append.id, question),
        transaction.query(&insert, &insert_parameters).map_err(AppendError::from),
    )
    .await?;
    let first = rows.first().ok_or_else(|| StoreError::damaged("an append", "no event was written"))?;
    Ok(Written {
        session: column::<Option<Uuid>>(first, "session_id")?.map(SessionId),
        transaction_id: column(first, "tx")?,
        times: rows.iter().map(|row| column(row, "recorded_at")).collect::<Result<_, _>>()?,
    })
}

async fn unless_unmet(
    transaction: &Transaction<'_>,
    id: Uuid,
    question: Option<Question>,
) -> Result<(), AppendError> {
    match question {
        Some(question) if !question.holds(transaction, id).await? => Err(AppendError::Unmet),
        _ => Ok(()),
    }
}
