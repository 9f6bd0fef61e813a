//! What an engine did with a compose project.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::observation::ContainerState;

/// Restarts after which a service counts as one that ends again and again.
pub const RESTARTS: u32 = 3;

/// A compose file as Docker understands it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComposeConfigObserved {
    /// The whole of it, as `docker compose config --format json` prints it; absent when it is not valid.
    pub config: Option<Value>,
    /// Why it is not.
    #[serde(default)]
    pub error: String,
}

impl ComposeConfigObserved {
    /// What it says about a service.
    pub fn service(&self, name: &str) -> Option<&Value> {
        self.config.as_ref()?.get("services")?.get(name)
    }

    /// The names of its services.
    pub fn services(&self) -> Vec<&str> {
        let services = self.config.as_ref().and_then(|config| config.get("services")?.as_object());
        services.into_iter().flat_map(|services| services.keys().map(String::as_str)).collect()
    }
}

/// A project that was started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComposeObserved {
    /// Whether `docker compose up` ended well.
    pub started: bool,
    /// The end of what it printed.
    #[serde(default)]
    pub output: String,
    /// Its services that have a container.
    pub services: Vec<ServiceObserved>,
    /// Seconds until all were as they should be, or until the time was over.
    pub after_seconds: f64,
}

impl ComposeObserved {
    /// The service with this name.
    pub fn service(&self, name: &str) -> Option<&ServiceObserved> {
        self.services.iter().find(|service| service.service == name)
    }
}

/// A service of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceObserved {
    /// Its name.
    pub service: String,
    /// Its container.
    pub state: ContainerState,
    /// It was started again after it had ended, this often.
    #[serde(default)]
    pub restarts: u32,
    /// `healthy`, `unhealthy`, `starting`, or `none` when it has no health check.
    pub health: String,
    /// Whom its container runs as; empty is root.
    #[serde(default)]
    pub user: String,
    /// The last of its output, when it does not run or is not healthy.
    #[serde(default)]
    pub log: String,
}

impl ServiceObserved {
    /// Whether it runs, and not only between two ends.
    pub fn runs(&self) -> bool {
        self.state == ContainerState::Running && self.restarts < RESTARTS
    }
}

/// Whether one service gets to a port of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReachObserved {
    /// The name led to an address. Always when asked from outside, where no name is looked up.
    pub resolves: bool,
    /// Somebody took the connection, by the name.
    pub connects: bool,
    /// Somebody took the connection at an address of the service, whether its name is known or not.
    pub connects_by_address: bool,
    /// The host's port at which it was asked from outside; absent when the port is not published.
    #[serde(default)]
    pub published: Option<u16>,
    /// Where the asked service listens, when nobody took the connection.
    #[serde(default)]
    pub listens: Vec<String>,
}
