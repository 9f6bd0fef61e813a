//! What follows from each event in its own transaction: the rows that pages read, and the jobs that are owed. One file
//! an aggregate, and `jobs` for the table that several of them write.

mod attempt;
mod jobs;
mod learner;
mod session;
mod workspace;

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use crate::StoreError;

/// One prepared statement; gives the number of rows that it changed.
async fn change(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<u64, StoreError> {
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction.execute(&statement, parameters).await?)
}

/// As [`change`], for a row that must be there because an earlier event of the stream has written it.
async fn change_one(
    transaction: &Transaction<'_>,
    what: &str,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(), StoreError> {
    match change(transaction, sql, parameters).await? {
        1 => Ok(()),
        rows => Err(StoreError::damaged(what, format!("{rows} rows instead of one follow from its events"))),
    }
}
