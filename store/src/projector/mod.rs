//! Projections that follow the log by checkpoint, behind the commands instead of with them.
//!
//! The log is followed in the order `(transaction id, position)` and only below the snapshot's xmin: a transaction with a
//! lower id than what was read already can't commit any more. Positions alone are not the order of commits; following them
//! loses events under concurrent writers. A checkpoint and the rows that follow from the events up to it move in one
//! transaction, so an event counts exactly once whatever dies when.
//!
//! ```text
//! events ──► build 7 (live) ──► readers
//!      └───► build 8 (rebuilt from the first event on; swapped in when it has caught up)
//! ```
//!
//! To add one: implement [`Projection`], list it in [`ALL`], and give its tables a `build` column.

mod follow;
mod lab_statistics;
mod log;
mod rebuild;
mod status;

use async_trait::async_trait;
use deadpool_postgres::Transaction;

pub use lab_statistics::LabStatistics;
pub use rebuild::Rebuilt;
pub use status::ProjectionStatus;

use crate::StoreError;
use log::LoggedEvent;

/// Rows that follow from events.
#[async_trait]
trait Projection: Send + Sync {
    /// Its name, for operators too.
    fn name(&self) -> &'static str;

    /// Raise it when the same events lead to other rows than before: the projection is built anew then.
    fn version(&self) -> i32;

    /// The types of events that it looks at.
    fn event_types(&self) -> &'static [&'static str];

    /// Adds to the rows of a build what follows from these events, in their order.
    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        build: i64,
        events: Vec<LoggedEvent>,
    ) -> Result<(), StoreError>;

    /// Deletes the rows of a build.
    async fn delete(&self, transaction: &Transaction<'_>, build: i64) -> Result<(), StoreError>;
}

/// All of them.
const ALL: &[&dyn Projection] = &[&lab_statistics::Projector];

/// The one with this name.
fn named(name: &str) -> Result<&'static dyn Projection, StoreError> {
    ALL.iter().find(|projection| projection.name() == name).copied().ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|projection| projection.name()).collect();
        StoreError::NoSuchProjection { name: name.to_owned(), known: known.join(", ") }
    })
}
