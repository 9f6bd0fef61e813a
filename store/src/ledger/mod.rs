//! The event store: streams of events in PostgreSQL, with the rows that follow from them in the same transaction.

mod append;
mod condition;
mod event_store;
mod execute;
mod known;
mod load;

use std::fmt;
use std::future::Future;

use containrlab_domain::ids::SessionId;
use cqrs_es::{Aggregate, EventEnvelope};
use deadpool_postgres::{Pool, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

pub use condition::StartOf;
pub(crate) use condition::{Condition, RUNNER_IS_SILENT};
pub use event_store::StreamContext;
pub use execute::Committed;

use crate::StoreError;
use crate::live::Live;
use known::Known;

/// An aggregate whose events are kept here, and what else is written when they are.
pub trait Recorded:
    Aggregate<Command: Clone + Send + Sync, Event: 'static, Error: Send + Sync, Services = ()> + Clone + 'static
{
    /// The session on whose timeline the event stands. `None`: the session of the stream's first event, if that has
    /// one.
    fn session_of(id: Uuid, event: &Self::Event) -> Option<SessionId>;

    /// Whether a job can be pushed after the event that could not before: the relay is to look then.
    fn lets_push(event: &Self::Event) -> bool {
        let _ = event;
        false
    }

    /// The job that the command wants to start, if it is a worker's word that it begins: refused while another
    /// worker's lease runs.
    fn start_of(command: &Self::Command) -> Option<StartOf> {
        let _ = command;
        None
    }

    /// Writes what follows from the event: jobs owed, and rows that the same person's next page shows. Part of the
    /// event's own transaction; an error undoes the event too.
    fn project(
        transaction: &Transaction<'_>,
        id: Uuid,
        event: &EventEnvelope<Self>,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What there is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateOf {
    /// The learner has an active session in this lab.
    ActiveSession,
    /// Somebody with this provider's subject is registered.
    Learner,
    /// The id is taken.
    Id,
}

impl fmt::Display for DuplicateOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ActiveSession => "a session in this lab is under way already",
            Self::Learner => "this learner is registered already",
            Self::Id => "this id is taken",
        })
    }
}

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<E: std::error::Error> {
    /// The aggregate says no, in a sentence for the person.
    #[error("{0}")]
    Refused(E),
    /// Others kept changing the same thing; trying again may succeed.
    #[error("others keep changing this at the same moment; try again")]
    Conflict,
    /// There is one already.
    #[error("{0}")]
    Duplicate(DuplicateOf),
    /// Another worker holds the job and its lease runs; whoever asked must do nothing and drop the message.
    #[error("another worker holds this job")]
    StillHeld,
    /// The store has trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Streams of events in PostgreSQL.
#[derive(Clone)]
pub struct Ledger {
    pool: Pool,
    live: Live,
    known: Known,
}

impl Ledger {
    pub(crate) fn new(pool: Pool, live: Live) -> Self {
        Self { pool, live, known: Known::default() }
    }
}
