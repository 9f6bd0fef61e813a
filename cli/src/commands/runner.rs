//! `containrlab runner`.

use containrlab_store::Store;

use super::chores::Chores;
use crate::args::RunnerArgs;
use crate::failure::Failure;
use crate::process::signals::shutdown_token;
use crate::settings::{Environment, crates};

/// Holds sandboxes and works off jobs until it is asked to stop.
pub(crate) async fn run(environment: &Environment, args: RunnerArgs) -> Result<(), Failure> {
    let mut settings = crates::runner(environment)?;
    settings.ready_file = args.ready_file;
    let shutdown = shutdown_token()?;
    let store = Store::connect(crates::store(environment)?).await?;
    let chores = Chores::start(&store, &shutdown);
    let ran = containrlab_workers::run(settings, store, shutdown.clone()).await;
    shutdown.cancel();
    chores.ended().await;
    ran.map_err(|error| Failure::Runner(error.to_string()))?;
    tracing::info!("the runner has stopped");
    Ok(())
}
