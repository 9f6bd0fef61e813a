//! Rounds of chores: what the relay, the reconciler and the projectors do again and again, each time in a short transaction that
//! ends by itself when its process stands still.

use std::time::Duration;

use deadpool_postgres::Object;
use futures::future::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::StoreError;
use crate::live::Doorbell;

/// Wait after a failed round.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// When the next round is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// When it rings.
    Rung,
    /// At once: there may be more to do.
    Now,
}

/// Does rounds for ever, and says once that they fail, with these words.
pub(crate) async fn rounds<F>(mut bell: Doorbell, trouble: &str, round: impl Fn() -> F)
where
    F: Future<Output = Result<Next, StoreError>>,
{
    let mut well = true;
    loop {
        match round().await {
            Ok(next) => {
                well = true;
                if next == Next::Rung {
                    bell.rung().await;
                }
            }
            Err(error) => {
                if std::mem::replace(&mut well, false) {
                    tracing::warn!(%error, "{trouble}; trying again");
                }
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
}

/// What a transaction of a chore begins with. A process that stands still in the middle of one must not keep what it has locked
/// from all others: PostgreSQL ends a transaction of which nothing was heard for so long. What a chore writes can be found out
/// again, so its commit need not wait for the disk.
pub(crate) fn short(silence: Duration) -> String {
    let milliseconds = silence.as_millis();
    format!(
        "set local synchronous_commit = off; set local idle_in_transaction_session_timeout = {milliseconds}"
    )
}

/// A transaction that is under way.
pub(crate) struct Round {
    /// Taken when the transaction is over.
    client: Option<Object>,
}

impl Round {
    /// Begins, and asks the first question in the same breath. It ends when nothing is heard of it for `silence`.
    pub(crate) async fn begin(
        client: Object,
        silence: Duration,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Self, Vec<Row>), StoreError> {
        let mut round = Self { client: None };
        let client = round.client.insert(client);
        let begin = format!("begin; {}", short(silence));
        // Sent together; PostgreSQL works them off in this order.
        let ((), rows) = try_join(client.batch_execute(&begin), client.query(statement, parameters)).await?;
        Ok((round, rows))
    }

    /// Whatever was done in it holds.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.end("commit").await
    }

    /// Nothing was done in it.
    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        self.end("rollback").await
    }

    async fn end(mut self, how: &str) -> Result<(), StoreError> {
        if let Some(client) = &self.client {
            client.batch_execute(how).await?;
        }
        self.client = None;
        Ok(())
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        // It was broken off: what it has locked goes with its connection, which must not return to the pool.
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
