//! What the simplest thing that could work costs, for `containrlab bench` to measure beside ours in the same run. Nothing else
//! calls this, and it writes to tables of its own.

use serde_json::json;
use uuid::Uuid;

use crate::{Store, StoreError};

/// As `events`, with its indexes and constraints, but nobody reads it.
const MAKE: &str = "create table if not exists baseline_events (like events including all)";

const INSERT: &str = "insert into baseline_events \
     (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
     values ('learner', $1, 1, 'Registered', '1', $2, $3)";

/// Bare inserts of event rows: no aggregate, no expected version to look up, no read model, no outbox.
#[derive(Clone, Copy)]
pub struct RawInserts<'a> {
    store: &'a Store,
}

impl<'a> RawInserts<'a> {
    /// Makes the table.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away or not migrated.
    pub async fn prepare(store: &'a Store) -> Result<Self, StoreError> {
        store.database().await?.batch_execute(MAKE).await?;
        Ok(Self { store })
    }

    /// Inserts one row in a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn insert(&self) -> Result<(), StoreError> {
        let database = self.store.database().await?;
        let statement = database.prepare_cached(INSERT).await?;
        let id = Uuid::new_v4();
        let payload =
            json!({ "Registered": { "learner": id, "provider": "local", "subject": id, "name": "Ada" } });
        let metadata = json!({ "actor": "system", "request": id });
        database.execute(&statement, &[&id, &payload, &metadata]).await?;
        Ok(())
    }
}
