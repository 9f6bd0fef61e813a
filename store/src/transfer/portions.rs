//! Going through a whole table at one moment, a portion at a time.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{IsolationLevel, Portal, Row};

use crate::StoreError;

/// The database as it is at this moment, whoever goes on writing it; however long that is looked at.
pub(super) async fn snapshot(client: &mut Object) -> Result<Transaction<'_>, StoreError> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let patience = "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";
    transaction.batch_execute(patience).await?;
    Ok(transaction)
}

/// The rows of a query, so many at a time: memory does not grow with the table.
pub(super) struct Portions<'a> {
    transaction: &'a Transaction<'a>,
    portal: Portal,
    at_once: i32,
}

impl<'a> Portions<'a> {
    pub(super) async fn of(
        transaction: &'a Transaction<'a>,
        sql: &str,
        at_once: i32,
    ) -> Result<Self, StoreError> {
        let statement = transaction.prepare(sql).await?;
        let portal = transaction.bind(&statement, &[]).await?;
        Ok(Self { transaction, portal, at_once })
    }

    /// The next ones; `None` when there are no more.
    pub(super) async fn next(&self) -> Result<Option<Vec<Row>>, StoreError> {
        let rows = self.transaction.query_portal(&self.portal, self.at_once).await?;
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }
}
