//! Brings a database up to the schema of this version. The SQL lies in `migrations/` and is part of the program.

use crate::StoreError;
use crate::pool::Address;

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// Names of the migrations that were applied now, in order; empty when there was nothing to do.
    pub applied: Vec<String>,
    /// The schema's version now.
    pub version: u32,
}

/// Applies what is missing. Can be run again, and by several processes at once: one does it, the others wait.
///
/// # Errors
/// [`StoreError`] when the database is away, or was migrated by a newer version of this program.
pub async fn migrate(database_url: &str) -> Result<MigrationReport, StoreError> {
    let Address { mut config, tls } = Address::read(database_url)?;
    // Waiting for another process that migrates may take longer than any statement should.
    config.options("-c statement_timeout=0 -c lock_timeout=0");
    let (mut client, connection) = config.connect(tls).await.map_err(StoreError::no_connection)?;
    let driver = tokio::spawn(connection);
    client.batch_execute("select pg_advisory_lock(hashtext('containrlab migrate'))").await?;
    let report = embedded::migrations::runner()
        .set_abort_divergent(true)
        .set_abort_missing(true)
        .run_async(&mut client)
        .await
        .map_err(|error| StoreError::Migration(Box::new(error)))?;
    let applied: Vec<_> =
        report.applied_migrations().iter().map(|one| format!("V{}__{}", one.version(), one.name())).collect();
    let row = client.query_one("select max(version) from refinery_schema_history", &[]).await?;
    let version: Option<i32> = row.get(0);
    drop(client);
    // The connection ends with its client; how it ended no longer matters.
    let _ = driver.await;
    Ok(MigrationReport { applied, version: version.unwrap_or(0).unsigned_abs() })
}
