//! The containers of a project's services, as the engine tells of them.

use std::collections::BTreeMap;

use containrlab_domain::judge::{ContainerState, RESTARTS, ServiceObserved};
use serde::Deserialize;

use super::SAID;
use crate::judge::commands::tail_of;
use crate::judge::container::State;
use crate::sandbox::{AgentClient, AgentError};

/// A container of the project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    pub(super) id: String,
    state: State,
    #[serde(default)]
    restart_count: u32,
    config: Config,
    network_settings: Networks,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    user: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    ports: Option<BTreeMap<String, Option<Vec<Published>>>>,
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    host_port: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(rename = "IPAddress", default)]
    address: String,
}

impl Service {
    /// The name of its service.
    pub(super) fn name(&self) -> &str {
        let labels = self.config.labels.as_ref();
        labels.and_then(|labels| labels.get("com.docker.compose.service")).map_or("", String::as_str)
    }

    pub(super) fn state(&self) -> ContainerState {
        self.state.observed_as_service()
    }

    /// Its first process; 0 when there is none.
    pub(super) fn pid(&self) -> u32 {
        self.state.pid()
    }

    pub(super) fn health(&self) -> &str {
        self.state.health_status()
    }

    /// Its addresses within the project's networks.
    pub(super) fn addresses(&self) -> Vec<&str> {
        let networks = self.network_settings.networks.iter().flatten();
        networks.map(|(_, network)| network.address.as_str()).filter(|address| !address.is_empty()).collect()
    }

    pub(super) fn published(&self, port: u16) -> Option<u16> {
        let ports = self.network_settings.ports.as_ref()?;
        ports.get(&format!("{port}/tcp"))?.as_ref()?.first()?.host_port.parse().ok()
    }

    /// Whether it runs, and its health says that it came up if that is to be waited for; else it may still fall over.
    pub(super) fn is_decided(&self, wait: Wait, is_settled: bool) -> bool {
        match (self.state(), self.health()) {
            (ContainerState::Running, "healthy") => true,
            (ContainerState::Running, "starting") if wait.for_health => false,
            (ContainerState::Running, _) => is_settled,
            (ContainerState::Exited { .. }, _) => self.restart_count == 0 || self.restart_count >= RESTARTS,
            // What was not started when `up` gave up stays so.
            (ContainerState::NotStarted { .. }, _) => wait.gave_up,
        }
    }

    /// As the judge wants to know it.
    pub(super) async fn observed(&self, agent: &AgentClient) -> Result<ServiceObserved, AgentError> {
        let state = self.state();
        let is_fine = state == ContainerState::Running && matches!(self.health(), "healthy" | "none");
        let log = if is_fine { String::new() } else { self.log(agent).await? };
        Ok(ServiceObserved {
            service: self.name().to_owned(),
            state,
            restarts: self.restart_count,
            health: self.health().to_owned(),
            user: self.config.user.clone(),
            log,
        })
    }

    /// The beginning and the end of its output.
    pub(super) async fn log(&self, agent: &AgentClient) -> Result<String, AgentError> {
        tail_of(agent, &["docker", "logs", "--tail=200", &self.id], SAID).await
    }
}

/// What is waited for at a start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    /// Until those that have a health check are healthy or unhealthy.
    pub(super) for_health: bool,
    /// `docker compose up` has ended with an error.
    pub(super) gave_up: bool,
}

/// A container as the engine lists it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
}

/// The containers of the project's services. One that is gone by the time that it is looked at is left out.
pub(super) async fn all(agent: &AgentClient) -> Result<Vec<Service>, AgentError> {
    // {"label":["com.docker.compose.project=attempt"]}
    let ours = "/containers/json?all=true&filters=%7B%22label%22%3A%5B%22com.docker.compose.project%3Dattempt%22%5D%7D";
    let mut engine = agent.engine_api().await?;
    let listed: Vec<Listed> = engine.get(ours).await?;
    let mut services = Vec::with_capacity(listed.len());
    for container in listed {
        services.extend(engine.find(&format!("/containers/{}/json", container.id)).await?);
    }
    Ok(services)
}

/// The container of one service.
pub(super) async fn find(agent: &AgentClient, name: &str) -> Result<Option<Service>, AgentError> {
    Ok(all(agent).await?.into_iter().find(|service| service.name() == name))
}
