//! `containrlab migrate`.

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// Brings the schema up to date and says what came of it.
pub(crate) async fn run(environment: &Environment) -> Result<String, Failure> {
    let report = containrlab_store::migrate(&crates::database_url(environment)?).await?;
    Ok(match report.applied.len() {
        0 => format!("is up to date, version {}", report.version),
        count => format!("{count} migrations applied, version {}", report.version),
    })
}
