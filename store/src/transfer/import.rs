//! A file to a ledger: all of it or nothing, in one transaction.

use containrlab_domain::attempt::Attempt;
use containrlab_domain::ids::BlobHash;
use containrlab_domain::learner::Learner;
use containrlab_domain::session::Session;
use containrlab_domain::workspace::Workspace;
use cqrs_es::Aggregate;
use cqrs_es::persist::SerializedEvent;
use deadpool_postgres::Transaction;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};
use tokio_postgres::types::ToSql;

use super::Moved;
use super::line::{EventLine, FORMAT, FORMAT_WITHOUT_LABS, Line};
use crate::lab_versions::{files_named, must_be};
use crate::ledger::Recorded;
use crate::rows::{column, to_json};
use crate::{Store, StoreError, upcasters};

/// Bytes that a line may have. The longest is a file's content, whose limit an operator may have raised.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// Two sessions that touched in time may stand in the log the other way round than their rows were written, so the rule of
/// one active session is put aside while events are replayed, and checked for all at the end.
const ONE_ACTIVE: &str = "select indexdef from pg_indexes \
     where schemaname = current_schema() and indexname = 'sessions_one_active'";

const INSERT: &str = "insert into events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, \
       payload, metadata, session_id, recorded_at) \
     overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// What was open where the ledger comes from is owed here: whoever held it there has no way to this database.
const OWE_AGAIN: &str = "update jobs set state = 'owed', available_at = clock_timestamp(), queued_at = null, \
       push_id = null, lease_until = null \
     where state <> 'done'";

impl Store {
    /// Reads a ledger that [`Store::export_ledger`] wrote into this database, which must have no event yet, and makes the
    /// read models by replaying the events. Jobs that were open are owed again.
    ///
    /// # Errors
    /// [`StoreError::Import`] with the line that can't be taken, or when the database has trouble; nothing was
    /// imported then.
    pub async fn import_ledger<R: AsyncBufRead + Unpin + Send>(
        &self,
        reader: &mut R,
    ) -> Result<Moved, StoreError> {
        let mut client = self.database().await?;
        let transaction = client.transaction().await?;
        // The lines may come slowly.
        transaction
            .batch_execute(
                "set local idle_in_transaction_session_timeout = 0; lock table events in exclusive mode",
            )
            .await?;
        if transaction.query_opt("select from events limit 1", &[]).await?.is_some() {
            return Err(StoreError::Import {
                line: 0,
                why: "this database has events already; import into an empty one".to_owned(),
            });
        }
        let row = transaction.query_one(ONE_ACTIVE, &[]).await?;
        let one_active: String = column(&row, "indexdef")?;
        transaction.batch_execute("drop index sessions_one_active").await?;
        let moved = Import { transaction: &transaction, moved: Moved::default() }.all(reader).await?;
        transaction.execute(OWE_AGAIN, &[]).await?;
        transaction.batch_execute(&one_active).await?;
        transaction
            .execute(
                "select setval(pg_get_serial_sequence('events', 'position'), max(position)) from events \
                 having count(*) > 0",
                &[],
            )
            .await?;
        transaction.commit().await?;
        self.live().ring_outbox();
        Ok(moved)
    }
}

struct Import<'a> {
    transaction: &'a Transaction<'a>,
    moved: Moved,
}

impl Import<'_> {
    async fn all<R: AsyncBufRead + Unpin + Send>(mut self, reader: &mut R) -> Result<Moved, StoreError> {
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let mut line = (&mut *reader).take(LONGEST_LINE);
            line.read_until(b'\n', &mut bytes).await.map_err(StoreError::File)?;
            let refused = |why: String| StoreError::Import { line: number, why };
            if bytes.last() != Some(&b'\n') {
                return Err(refused("the file ends in the middle; was it cut off?".to_owned()));
            }
            let line: Line = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
            let is_head = matches!(line, Line::Ledger { .. });
            if is_head != (number == 1) {
                return Err(refused("a ledger begins with one line that says its format".to_owned()));
            }
            if let Line::End(promised) = line {
                return if promised == self.moved {
                    Ok(self.moved)
                } else {
                    Err(refused(format!("the file promises {promised}, but has {}", self.moved)))
                };
            }
            self.take(line).await.map_err(|error| match error {
                error if error.is_unavailable() => error,
                error => refused(error.to_string()),
            })?;
        }
        Ok(self.moved)
    }

    async fn take(&mut self, line: Line) -> Result<(), StoreError> {
        match line {
            Line::Ledger { format: FORMAT | FORMAT_WITHOUT_LABS } => {}
            Line::Ledger { format } => {
                return Err(StoreError::damaged(
                    "its format",
                    format!("{format} is unknown, {FORMAT} is known"),
                ));
            }
            Line::Blob { hash, bytes } => {
                if BlobHash::of(&bytes) != hash {
                    return Err(StoreError::damaged(format!("blob {hash}"), "its bytes have another hash"));
                }
                let statement = self
                    .transaction
                    .prepare_cached(
                        "insert into blobs (hash, size, bytes) values ($1, octet_length($2::bytea), $2::bytea) on conflict do nothing",
                    )
                    .await?;
                self.transaction.execute(&statement, &[&hash.as_str(), &bytes]).await?;
                self.moved.blobs += 1;
            }
            Line::Tree { hash, manifest } => {
                if manifest.hash() != hash {
                    return Err(StoreError::damaged(format!("tree {hash}"), "its files have another hash"));
                }
                let statement = self
                    .transaction
                    .prepare_cached(
                        "insert into trees (hash, manifest) values ($1, $2) on conflict do nothing",
                    )
                    .await?;
                self.transaction.execute(&statement, &[&hash.as_str(), &to_json(&manifest)?]).await?;
                self.moved.trees += 1;
            }
            Line::Lab { slug, version, files, kept_at } => {
                let statement = self
                    .transaction
                    .prepare_cached(
                        "insert into lab_versions (lab_slug, version, files, kept_at) \
                         values ($1, $2, $3, coalesce($4, clock_timestamp())) on conflict do nothing",
                    )
                    .await?;
                let parameters: [&(dyn ToSql + Sync); 4] =
                    [&slug.as_str(), &version.as_str(), &to_json(&files)?, &kept_at];
                self.transaction.execute(&statement, &parameters).await?;
                let client: &tokio_postgres::Transaction<'_> = self.transaction;
                must_be(&files_named(client, files).await?, &slug, &version)?;
                self.moved.labs += 1;
            }
            Line::Event(event) => {
                self.event(event).await?;
                self.moved.events += 1;
            }
            // Handled by the caller, who knows the counts.
            Line::End(_) => {}
        }
        Ok(())
    }

    async fn event(&self, event: EventLine) -> Result<(), StoreError> {
        let insert = self.transaction.prepare_cached(INSERT).await?;
        self.transaction
            .execute(
                &insert,
                &[
                    &event.position,
                    &event.aggregate_type,
                    &event.aggregate_id,
                    &event.sequence,
                    &event.event_type,
                    &event.event_version,
                    &event.payload,
                    &to_json(&event.metadata)?,
                    &event.session_id,
                    &event.recorded_at,
                ],
            )
            .await?;
        match event.aggregate_type.as_str() {
            Session::TYPE => self.replay::<Session>(event).await,
            Workspace::TYPE => self.replay::<Workspace>(event).await,
            Attempt::TYPE => self.replay::<Attempt>(event).await,
            Learner::TYPE => self.replay::<Learner>(event).await,
            unknown => Err(StoreError::damaged("an event", format!("there is no aggregate {unknown}"))),
        }
    }

    /// What followed from the event in its own transaction follows from it again.
    async fn replay<A: Recorded>(&self, event: EventLine) -> Result<(), StoreError> {
        let (id, at) = (event.aggregate_id, event.recorded_at);
        let sequence =
            usize::try_from(event.sequence).map_err(|error| StoreError::damaged("a sequence", error))?;
        let stored = SerializedEvent::new(
            id.to_string(),
            sequence,
            event.aggregate_type,
            event.event_type,
            event.event_version,
            event.payload,
            to_json(&event.metadata)?,
        );
        A::project(self.transaction, id, &upcasters::lift::<A>(stored)?, at).await
    }
}
