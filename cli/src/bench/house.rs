//! The whole system for figures that need one: started by the first that does, and shared by all.

use containrlab_domain::ids::{LeaseId, RunnerId, SandboxId, SessionId};
use containrlab_store::labs::LabCatalog;
use containrlab_workers::sandbox::{Role, SandboxError, SandboxSpec, Sandboxes};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::starts::Times;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::settings::{Environment, Stack, crates, variables};
use crate::stack::{System, start};
use crate::state::StateDir;

/// A system that may be running.
pub(super) struct House {
    environment: Environment,
    stack: Stack,
    state: StateDir,
    progress: Progress,
    running: OnceCell<Running>,
    /// What starting sessions took: several figures say something of it.
    pub(super) times: OnceCell<Times>,
}

/// A system that runs.
pub(super) struct Running {
    system: Mutex<Option<System>>,
    /// Where its api is.
    pub(super) url: String,
    /// The engine beneath it, as in `DOCKER_HOST`.
    pub(super) docker_host: Option<String>,
    /// The runner's sandboxes, to look at.
    pub(super) runners: Sandboxes,
    /// Sandboxes that no runner knows of.
    pub(super) own: Sandboxes,
}

impl House {
    pub(super) fn new(environment: Environment, stack: Stack, state: StateDir, progress: Progress) -> Self {
        let (running, times) = (OnceCell::new(), OnceCell::new());
        Self { environment, stack, state, progress, running, times }
    }

    /// The labs that there are.
    pub(super) fn labs(&self) -> Result<LabCatalog, Failure> {
        let faults = |faults: Vec<_>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        LabCatalog::load(&crates::labs_dir(&self.environment)?).map_err(|found| Failure::Plain(faults(found)))
    }

    /// The system; started if it isn't.
    pub(super) async fn running(&self) -> Result<&Running, Failure> {
        self.running.get_or_try_init(|| self.start()).await
    }

    async fn start(&self) -> Result<Running, Failure> {
        let mut environment = self.environment.clone();
        environment.set(&variables::API_LISTEN, "127.0.0.1:0");
        environment.set(&variables::SANDBOX_WARM_MIN, "1");
        environment.set(&variables::SANDBOX_WARM_MAX, "1");
        environment.set(&variables::STATE_DIR, self.state.root().display().to_string());
        let stack = Stack { api: Stack::read(&environment)?.api, ..self.stack.clone() };
        let system = start(&environment, &stack, &self.state, &self.progress).await?;
        let settings = crates::sandboxes(&system.environment)?;
        let runners = Sandboxes::connect(settings.clone()).await.map_err(failure)?;
        let mut settings = settings;
        settings.runner = RunnerId(Uuid::now_v7());
        let own = Sandboxes::connect(settings).await.map_err(failure)?;
        for sandboxes in [&runners, &own] {
            sandboxes.prepare(&|_| {}).await.map_err(failure)?;
        }
        let docker_host = system.environment.text(&variables::DOCKER_HOST).map(str::to_owned);
        Ok(Running { url: system.url.clone(), docker_host, system: Mutex::new(Some(system)), runners, own })
    }

    /// Stops watching over the system, so that it can be stopped, and removes what was made beside it.
    pub(super) async fn leave(&self) {
        let Some(running) = self.running.get() else { return };
        if let Err(error) = running.own.reap(&std::collections::HashSet::new()).await {
            self.progress.say(&format!("Something of the measurement stays: {error}."));
        }
        if let Some(system) = running.system.lock().await.take() {
            system.let_go().await;
        }
    }
}

/// A sandbox for nobody.
pub(super) fn nobodys() -> SandboxSpec {
    SandboxSpec {
        id: SandboxId(Uuid::now_v7()),
        role: Role::Verifier,
        session: SessionId(Uuid::nil()),
        lease: LeaseId(Uuid::nil()),
    }
}

pub(super) fn failure(error: SandboxError) -> Failure {
    Failure::Plain(format!("A sandbox could not be measured: {error}."))
}
