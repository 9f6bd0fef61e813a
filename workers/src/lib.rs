//! The runner: the process that holds sandboxes and works off jobs.
//!
//! ```text
//!             ┌ jobs ────── apalis workers on three queues: provision, judge, this runner's own
//! runner ─────┤ terminal ── shells in the sandboxes, their clients and their recordings
//!             ├ workspace ─ the ledger's and the sandbox's copy of the files, kept alike
//!             ├ judge ───── attempts, in fresh verifier sandboxes
//!             ├ gateway ─── the api's door to terminals
//!             └ sandbox ─── containers, volumes, images; the agent in each is the only way in
//! ```
//!
//! # Architecture invariant: nothing here is the truth
//!
//! A runner holds no state that a restart could lose. What is owed stands in the ledger; what exists stands in the
//! engine, under labels; what a shell put out is kept by the sandbox's agent until the recording has it. Kill the
//! process at any instruction: the next one adopts, ends or removes whatever it finds.
//!
//! # Architecture invariant: the only crate that touches Docker
//!
//! And it never opens a path or a socket that a learner could have put there: all goes through the agent, which acts
//! as the learner's user, inside.

pub mod error;
mod gateway;
pub mod host;
pub mod images;
mod jobs;
pub mod judge;
pub mod runner;
pub mod sandbox;
pub mod settings;
mod terminal;
#[cfg(feature = "testing")]
pub mod testing;
mod workspace;

use std::sync::Arc;

use containrlab_domain::attempt::JudgeKit;
use containrlab_store::{NewRunner, RunnerState, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use error::Error;
pub use settings::Settings;

use crate::host::SandboxHost;
use crate::runner::{Pulse, Runner};
use crate::sandbox::Sandboxes;

/// Runs a runner until `shutdown`: prepares the machine, takes over what an earlier process left, works off jobs.
///
/// # Errors
/// [`Error`] when it cannot start; once it runs, it only ends by `shutdown`.
pub async fn run(settings: Settings, store: Store, shutdown: CancellationToken) -> Result<(), Error> {
    #[cfg(feature = "faults")]
    if let Some(host) = testing::standing::StandingSandboxes::asked_for(&settings) {
        return run_on(settings, store, Arc::new(host), shutdown).await;
    }
    let sandboxes = Sandboxes::connect(settings.sandboxes.clone()).await?;
    sandboxes.prepare(&|line| tracing::info!("{line}")).await?;
    let firewall = sandboxes.clone();
    let _firewall = AbortOnDropHandle::new(tokio::spawn(async move { firewall.keep_egress().await }));
    run_on(settings, store, Arc::new(sandboxes), shutdown).await
}

/// As [`run`], on sandboxes of whatever kind.
///
/// # Errors
/// See [`run`].
pub async fn run_on(
    settings: Settings,
    store: Store,
    host: Arc<dyn SandboxHost>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let id = settings.sandboxes.runner;
    let kit = JudgeKit::with_images(host.lab_images().await);
    let runner = Arc::new(Runner::new(id, settings, store, host, kit)?);
    runner.store.keep_labs(&runner.labs).await?;
    let listener = gateway::listen(&runner).await?;
    let address = runner.address(&listener);
    // Before it takes over: nobody is to take it for dead while it looks at what it finds.
    runner.register(&address).await?;
    let pulse = Pulse::start(Arc::clone(&runner));
    runner.take_over().await?;
    tracing::info!(runner = %id, address, capacity = runner.room.capacity(), "the runner is ready");
    if let Some(path) = &runner.settings.ready_file {
        std::fs::write(path, "").map_err(|source| Error::State { path: path.clone(), source })?;
    }
    Arc::clone(&runner).work_until(listener, shutdown).await;
    drop(pulse);
    runner.say_stopped().await;
    Ok(())
}

impl Runner {
    fn address(&self, listener: &tokio::net::TcpListener) -> String {
        match (&self.settings.advertise, listener.local_addr()) {
            (Some(advertised), _) => advertised.clone(),
            (None, Ok(address)) => format!("http://{address}"),
            (None, Err(_)) => format!("http://{}", self.settings.listen),
        }
    }

    async fn register(&self, address: &str) -> Result<(), Error> {
        let row = NewRunner {
            runner_id: self.id,
            name: self.settings.name.clone(),
            address: address.to_owned(),
            capacity: u32::try_from(self.room.capacity()).unwrap_or(u32::MAX),
            kit: self.kit.clone(),
        };
        Ok(self.store.register_runner(&row).await?)
    }

    async fn say_stopped(&self) {
        if let Err(error) = self.store.heartbeat(self.id, RunnerState::Stopped).await {
            tracing::warn!(%error, "the store does not know that the runner has stopped");
        }
    }
}
