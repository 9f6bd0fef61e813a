//! A look at the engine of a session: asked through its API, at a socket of the platform's; no program of the learner's takes part.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::judge::{SessionContainerFact, SessionFacts, SessionNetworkFact};
use serde::Deserialize;

use super::commands::ask;
use super::journal::Journal;
use crate::jobs::request;
use crate::sandbox::{AgentClient, AgentError};

/// Things of each kind that are kept: the facts stand in the ledger.
const KEPT: usize = 200;

/// What an answer of a lab's author did in the session that it never had.
pub(super) const SCRIPT: &str = "session.sh";

/// Removes what the author's script has started, so that nothing of it is in the way of what is judged next. Images and the build
/// cache stay: they say the same as the files do.
const CLEAR: &str = "docker ps --all --quiet | xargs -r docker rm --force --volumes\n\
                     docker network prune --force && docker volume prune --all --force";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    names: Option<Vec<String>>,
    image: String,
    status: String,
    ports: Option<Vec<Port>>,
    network_settings: Option<Networks>,
    mounts: Option<Vec<Mount>>,
}

/// A container as the engine knows it this very moment; its list of them may be a moment old.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    exit_code: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    private_port: u16,
    public_port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    networks: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    name: String,
    #[serde(default)]
    internal: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volumes {
    volumes: Option<Vec<Volume>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volume {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    repo_tags: Option<Vec<String>>,
}

/// What is in the sandbox's engine right now.
pub(crate) async fn look(agent: &AgentClient) -> Result<SessionFacts, AgentError> {
    let mut engine = agent.engine_api().await?;
    let listed: Vec<Container> = engine.get("/containers/json?all=true").await?;
    let mut containers = Vec::new();
    for container in listed.into_iter().take(KEPT) {
        // One that is gone by now is none.
        let inspected: Option<Inspected> = engine.find(&format!("/containers/{}/json", container.id)).await?;
        containers.extend(inspected.map(|inspected| fact(container, &inspected.state)));
    }
    let networks: Vec<Network> = engine.get("/networks").await?;
    let volumes: Volumes = engine.get("/volumes").await?;
    let images: Vec<Image> = engine.get("/images/json").await?;
    let names = |volumes: Volumes| volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.name);
    Ok(SessionFacts {
        containers,
        networks: networks
            .into_iter()
            .take(KEPT)
            .map(|network| SessionNetworkFact { name: network.name, internal: network.internal })
            .collect(),
        volumes: names(volumes).take(KEPT).collect(),
        images: images.into_iter().flat_map(|image| image.repo_tags.unwrap_or_default()).take(KEPT).collect(),
    })
}

fn fact(container: Container, state: &State) -> SessionContainerFact {
    let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    let networks = container.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let ports = container.ports.unwrap_or_default().into_iter();
    let mut published: Vec<u16> =
        ports.filter(|port| port.public_port.is_some()).map(|port| port.private_port).collect();
    published.sort_unstable();
    published.dedup();
    SessionContainerFact {
        name: name.trim_start_matches('/').to_owned(),
        image: container.image,
        running: state.running,
        status: match container.status.starts_with("Up") && !state.running {
            true => format!("Exited ({})", state.exit_code),
            false => container.status,
        },
        networks: networks.into_keys().collect(),
        published,
        volumes: container.mounts.unwrap_or_default().into_iter().filter_map(|mount| mount.name).collect(),
    }
}

/// Does in a verifier that nothing was done in yet what an author's script did in a session, looks at that, and removes it.
pub(super) async fn of_script(
    agent: &AgentClient,
    journal: &Journal<'_>,
    limit: Duration,
) -> Result<SessionFacts, AgentError> {
    journal.say(&format!("$ bash {SCRIPT}")).await;
    journal.run(agent, request(&["bash", SCRIPT], limit), &mut |_| {}).await?;
    let facts = look(agent).await?;
    let cleared = ask(agent, &["sh", "-c", CLEAR], 4096).await?;
    if !cleared.is_fine() {
        return Err(AgentError::Protocol(format!("what {SCRIPT} did stays: {}", cleared.stderr.trim())));
    }
    Ok(facts)
}
