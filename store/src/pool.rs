//! Connections to PostgreSQL.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;

use crate::StoreError;

/// How long a caller waits for a connection before it hears that the database is away.
const WAIT: Duration = Duration::from_secs(5);

/// What every connection is opened with, in milliseconds: a statement or a forgotten transaction must not hold a row
/// that all others need.
const SESSION_OPTIONS: &str =
    "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=15000";

/// Reads an address and adds what every connection is opened with.
pub(crate) fn connection_config(database_url: &str) -> Result<tokio_postgres::Config, StoreError> {
    let mut config: tokio_postgres::Config = database_url.parse().map_err(|error| {
        // The address itself may hold a password: name the fault only.
        StoreError::Setting(format!(
            "DATABASE_URL is no PostgreSQL address ({error}); it looks like postgres://user@host:5432/database"
        ))
    })?;
    let options = match config.get_options() {
        Some(given) => format!("{SESSION_OPTIONS} {given}"),
        None => SESSION_OPTIONS.to_owned(),
    };
    config.options(options).connect_timeout(WAIT).application_name("containrlab");
    Ok(config)
}

/// A pool that opens connections when they are needed.
pub(crate) fn open(database_url: &str, size: usize) -> Result<Pool, StoreError> {
    let manager = Manager::from_config(
        connection_config(database_url)?,
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(manager)
        .max_size(size.max(2))
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::Setting(format!("the connection pool cannot be made: {error}")))
}
