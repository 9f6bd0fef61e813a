//! What every handler shares.

use std::sync::Arc;

use containrlab_store::Store;
use containrlab_store::labs::LabCatalog;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Settings;
use crate::services::runner::RunnerClient;

/// What every handler shares; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// The parts of [`App`].
pub(crate) struct Inner {
    /// Settings as they were at start.
    pub(crate) settings: Settings,
    /// The ledger and everything else that is kept.
    pub(crate) store: Store,
    /// The labs as they were at start.
    pub(crate) labs: LabCatalog,
    /// The way to runners' gateways.
    pub(crate) runners: RunnerClient,
    /// Terminals that are connected: the process waits for their parting words.
    pub(crate) terminals: TaskTracker,
    /// Cancelled when the process is to stop: streams and terminals end, so that browsers come back to its successor.
    pub(crate) shutdown: CancellationToken,
}

impl App {
    /// Puts the parts together.
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
