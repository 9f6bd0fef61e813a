//! Remembers which engine holds the sandboxes, for whoever stops or removes them later, from another shell perhaps.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::settings::{Environment, variables};
use crate::state::StateDir;

/// The engine of the latest `up`, and the name under which its sandboxes stand there.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EngineUsed {
    docker_host: String,
    namespace: String,
}

impl EngineUsed {
    fn file(state: &StateDir) -> PathBuf {
        state.path("engine-used.json")
    }

    /// Writes down what a completed environment says.
    pub(crate) fn remember(state: &StateDir, environment: &Environment) -> Result<(), Failure> {
        let text = |variable| environment.text(variable).unwrap_or_default().to_owned();
        let used =
            Self { docker_host: text(&variables::DOCKER_HOST), namespace: text(&variables::REDIS_NAMESPACE) };
        let file = Self::file(state);
        let doing = format!("write {}", file.display());
        let bytes =
            serde_json::to_vec(&used).map_err(std::io::Error::other).map_err(Failure::file(&doing))?;
        std::fs::write(&file, bytes).map_err(Failure::file(doing))
    }

    /// What the latest `up` used, if there was one.
    pub(crate) fn recall(state: &StateDir) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::file(state)).ok()?).ok()
    }

    /// The engine, as in `DOCKER_HOST`.
    pub(crate) fn docker_host(&self) -> &str {
        &self.docker_host
    }

    /// The environment in which its sandboxes are found again.
    pub(crate) fn environment(&self, state: &StateDir, environment: &Environment) -> Environment {
        let mut environment = environment.clone();
        environment.set(&variables::STATE_DIR, state.root().display().to_string());
        environment.set(&variables::DOCKER_HOST, &self.docker_host);
        environment.set(&variables::REDIS_NAMESPACE, &self.namespace);
        environment
    }
}
