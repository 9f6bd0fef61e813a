//! A look at the engine of a session: asked through its API, from within the sandbox, with a program that the learner can't
//! replace; not with the learner's own `docker`.

use std::collections::BTreeMap;

use containrlab_domain::judge::{SessionContainerFact, SessionFacts, SessionNetworkFact};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::engine::ask;
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of each of the engine's answers that are read.
const ANSWER: usize = 4 << 20;

/// Things of each kind that are kept: the facts stand in the ledger.
const KEPT: usize = 200;

/// Asks the engine of the sandbox. The root file system of a sandbox is read-only, and `--disable` keeps the learner's own settings
/// out.
const ASK: &str = "exec /usr/bin/curl --disable --silent --show-error --fail --max-time 20 --noproxy '*' \
                   --unix-socket \"$XDG_RUNTIME_DIR/docker.sock\" \"http://engine$1\"";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    names: Option<Vec<String>>,
    image: String,
    state: String,
    status: String,
    ports: Option<Vec<Port>>,
    network_settings: Option<Networks>,
    mounts: Option<Vec<Mount>>,
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
    let containers: Vec<Container> = get(agent, "/containers/json?all=true").await?;
    let networks: Vec<Network> = get(agent, "/networks").await?;
    let volumes: Volumes = get(agent, "/volumes").await?;
    let images: Vec<Image> = get(agent, "/images/json").await?;
    let names = |volumes: Volumes| volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.name);
    Ok(SessionFacts {
        containers: containers.into_iter().take(KEPT).map(fact).collect(),
        networks: networks
            .into_iter()
            .take(KEPT)
            .map(|network| SessionNetworkFact { name: network.name, internal: network.internal })
            .collect(),
        volumes: names(volumes).take(KEPT).collect(),
        images: images.into_iter().flat_map(|image| image.repo_tags.unwrap_or_default()).take(KEPT).collect(),
    })
}

fn fact(container: Container) -> SessionContainerFact {
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
        running: container.state == "running",
        status: container.status,
        networks: networks.into_keys().collect(),
        published,
        volumes: container.mounts.unwrap_or_default().into_iter().filter_map(|mount| mount.name).collect(),
    }
}

async fn get<T: DeserializeOwned>(agent: &AgentClient, path: &str) -> Result<T, AgentError> {
    let said = ask(agent, &["/bin/sh", "-c", ASK, "sh", path], ANSWER).await?;
    if !said.is_fine() {
        return Err(AgentError::Protocol(format!(
            "the engine does not answer {path}: {}",
            said.stderr.trim()
        )));
    }
    serde_json::from_str(&said.stdout)
        .map_err(|error| AgentError::Protocol(format!("the engine's answer to {path}: {error}")))
}
