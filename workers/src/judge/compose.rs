//! The compose project of an attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::judge::{
    BuildObserved, ComposeConfigObserved, ComposeObserved, ContainerState, HttpExpectation, HttpObserved,
    RESTARTS, ReachObserved, ServiceObserved,
};
use serde::Deserialize;
use tokio::time::Instant;

use super::build::run_build;
use super::container::{Looks, State};
use super::engine::{ask, ask_within, tail_of, within_engine};
use super::http::question;
use super::journal::Journal;
use super::sockets;
use crate::sandbox::{AgentClient, AgentError};

/// The project's name.
const PROJECT: &str = "attempt";

/// The image of the container that looks from within a service's network: every sandbox has it.
const PROBE: &str = "busybox";

/// Bytes of the engine's answers that are read.
const ANSWER: usize = 4 << 20;

/// Bytes of output that go with an observation.
const SAID: usize = 32 * 1024;

/// How long services get to fall over.
const MOMENT: Duration = Duration::from_millis(1500);

/// Beyond the time that a check gives its services: networks, volumes and containers are made first.
const MAKING: Duration = Duration::from_secs(30);

/// A container of the project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
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

impl Inspected {
    fn service(&self) -> &str {
        let labels = self.config.labels.as_ref();
        labels.and_then(|labels| labels.get("com.docker.compose.service")).map_or("", String::as_str)
    }

    fn state(&self) -> ContainerState {
        self.state.observed_as_service()
    }

    fn health(&self) -> &str {
        self.state.health_status()
    }

    /// Its addresses within the project's networks.
    fn addresses(&self) -> Vec<&str> {
        let networks = self.network_settings.networks.iter().flatten();
        networks.map(|(_, network)| network.address.as_str()).filter(|address| !address.is_empty()).collect()
    }

    fn published(&self, port: u16) -> Option<u16> {
        let ports = self.network_settings.ports.as_ref()?;
        ports.get(&format!("{port}/tcp"))?.as_ref()?.first()?.host_port.parse().ok()
    }

    /// Whether nothing about it changes by waiting. What was not started when `up` gave up stays so.
    fn is_decided(&self, must_be_healthy: bool, gave_up: bool) -> bool {
        match self.state() {
            ContainerState::Running => !must_be_healthy || self.health() != "starting",
            ContainerState::Exited { .. } => self.restart_count == 0 || self.restart_count >= RESTARTS,
            ContainerState::NotStarted { .. } => gave_up,
        }
    }
}

/// What Docker makes of the compose file.
pub(super) async fn config(agent: &AgentClient) -> Result<ComposeConfigObserved, AgentError> {
    let said = ask(agent, &compose(&["config", "--format", "json"]), ANSWER).await?;
    if !said.is_fine() {
        return Ok(ComposeConfigObserved { config: None, error: said.stderr });
    }
    match serde_json::from_str(&said.stdout) {
        Ok(config) => Ok(ComposeConfigObserved { config: Some(config), error: String::new() }),
        Err(error) => Err(AgentError::Protocol(format!("docker compose config: {error}"))),
    }
}

/// Builds what the services are built of.
pub(super) async fn build(
    agent: &AgentClient,
    journal: &Journal<'_>,
    timeout_seconds: u32,
) -> Result<BuildObserved, AgentError> {
    journal.say("$ docker compose build").await;
    let argv = ["docker", "compose", "--project-name", PROJECT, "--progress=plain", "build"];
    run_build(agent, journal, &argv, timeout_seconds).await
}

/// Starts the project and watches it until its services are as they will be.
pub(super) async fn up(
    agent: &AgentClient,
    journal: &Journal<'_>,
    within_seconds: u32,
    healthy: bool,
) -> Result<ComposeObserved, AgentError> {
    journal.say("$ docker compose up -d").await;
    let limit = Duration::from_secs(within_seconds.into());
    let started = Instant::now();
    let said = ask_within(agent, &compose(&["up", "--detach", "--no-build"]), SAID, limit + MAKING).await?;
    let made = Instant::now();
    let mut looks = Looks::new();
    let services = loop {
        let services = services(agent).await?;
        let is_decided = services.iter().all(|service| service.is_decided(healthy, !said.is_fine()));
        if (is_decided && made.elapsed() >= MOMENT)
            || (started.elapsed() >= limit && made.elapsed() >= MOMENT)
        {
            break services;
        }
        looks.pause().await;
    };
    let after_seconds = started.elapsed().as_secs_f64();
    let mut observed = ComposeObserved {
        started: said.is_fine(),
        output: said.stderr + &said.stdout,
        services: Vec::new(),
        after_seconds,
    };
    for service in &services {
        let state = service.state();
        let is_fine = state == ContainerState::Running && matches!(service.health(), "healthy" | "none");
        let log = if is_fine { String::new() } else { log_of(agent, &service.id).await? };
        journal.say(&format!("{}: {state:?}, health: {}", service.service(), service.health())).await;
        observed.services.push(ServiceObserved {
            service: service.service().to_owned(),
            state,
            restarts: service.restart_count,
            health: service.health().to_owned(),
            user: service.config.user.clone(),
            log,
        });
    }
    if !observed.started {
        journal.say(observed.output.trim_end()).await;
    }
    Ok(observed)
}

/// Takes the project down, its volumes not, and starts it again.
pub(super) async fn anew(
    agent: &AgentClient,
    journal: &Journal<'_>,
    within_seconds: u32,
) -> Result<ComposeObserved, AgentError> {
    journal.say("$ docker compose down").await;
    let said = ask_within(agent, &compose(&["down"]), SAID, MAKING * 2).await?;
    if !said.is_fine() {
        journal.say(said.stderr.trim_end()).await;
    }
    up(agent, journal, within_seconds, false).await
}

/// Asks a service something until the answer is right, the service is gone or the time is over.
pub(super) async fn watch(
    agent: &AgentClient,
    service: &str,
    published: bool,
    expect: &HttpExpectation,
    within_seconds: u32,
) -> Result<HttpObserved, AgentError> {
    let started = Instant::now();
    let mut looks = Looks::new();
    loop {
        let seen = find(agent, service).await?;
        let address = match &seen {
            _ if published => Some("127.0.0.1".to_owned()),
            Some(seen) => seen.addresses().first().map(|address| (*address).to_owned()),
            None => None,
        };
        let answer = match address {
            Some(address) => {
                let by = if published { Vec::new() } else { within_engine(&[]) };
                question(agent, &by, &format!("{address}:{}", expect.port), expect, within_seconds).await?
            }
            None => Err("the service has no address".to_owned()),
        };
        let after_seconds = started.elapsed().as_secs_f64();
        let container = seen.as_ref().map_or(
            ContainerState::NotStarted { error: "there is no such container".to_owned() },
            Inspected::state,
        );
        let is_met = answer.as_ref().is_ok_and(|response| expect.is_met(response).is_ok());
        let is_over = is_met || answer.as_ref().is_ok_and(|response| !expect.may_ask_again(response));
        if is_over || after_seconds >= f64::from(within_seconds) {
            let (listens, log) = match &seen {
                Some(seen) if !is_met => {
                    (sockets::listening(agent, seen.state.pid()).await?, log_of(agent, &seen.id).await?)
                }
                _ => Default::default(),
            };
            let (response, error) = match answer {
                Ok(response) => (Some(response), None),
                Err(error) => (None, Some(error)),
            };
            return Ok(HttpObserved { response, error, after_seconds, container, listens, log });
        }
        looks.pause().await;
    }
}

/// Looks whether one service, or somebody outside, gets to a port of another.
pub(super) async fn reach(
    agent: &AgentClient,
    from: Option<&str>,
    to: &str,
    port: u16,
    within_seconds: u32,
) -> Result<ReachObserved, AgentError> {
    let started = Instant::now();
    let mut looks = Looks::new();
    loop {
        let asked = find(agent, to).await?;
        let addresses: Vec<&str> = asked.as_ref().map(Inspected::addresses).unwrap_or_default();
        let mut observed = match from {
            Some(from) => match find(agent, from).await? {
                Some(from) => from_service(agent, &from.id, to, port, &addresses).await?,
                None => nobody(),
            },
            None => {
                let published = asked.as_ref().and_then(|asked| asked.published(port));
                let connects = match addresses.first() {
                    Some(address) if published.is_some() => is_open(agent, address, port).await?,
                    _ => false,
                };
                ReachObserved { resolves: true, connects, published, ..nobody() }
            }
        };
        if observed.connects || started.elapsed() >= Duration::from_secs(within_seconds.into()) {
            if let Some(asked) = asked.filter(|_| !observed.connects) {
                observed.listens = sockets::listening(agent, asked.state.pid()).await?;
            }
            return Ok(observed);
        }
        looks.pause().await;
    }
}

fn nobody() -> ReachObserved {
    ReachObserved {
        resolves: false,
        connects: false,
        connects_by_address: false,
        published: None,
        listens: Vec::new(),
    }
}

/// What the probe runs: a name, a port, and addresses.
const LOOK: &str = "said=$(nc -w 3 \"$1\" \"$2\" </dev/null 2>&1 >/dev/null) && echo connects\n\
    case $said in *'bad address'*) ;; *) echo resolves ;; esac\n\
    port=$2; shift 2\n\
    for address; do nc -w 3 \"$address\" \"$port\" </dev/null >/dev/null 2>&1 && echo address; done\n\
    true";

async fn from_service(
    agent: &AgentClient,
    from: &str,
    to: &str,
    port: u16,
    addresses: &[&str],
) -> Result<ReachObserved, AgentError> {
    let (network, port) = (format!("container:{from}"), port.to_string());
    let argv = [
        "docker",
        "run",
        "--rm",
        "--pull=never",
        "--network",
        &network,
        PROBE,
        "sh",
        "-c",
        LOOK,
        "sh",
        to,
        &port,
    ];
    let said = ask(agent, &[&argv[..], addresses].concat(), SAID).await?;
    if !said.is_fine() {
        // The service ended in the meantime, most likely; its state tells.
        return Ok(nobody());
    }
    let has = |word: &str| said.stdout.lines().any(|line| line == word);
    Ok(ReachObserved {
        resolves: has("resolves"),
        connects: has("connects"),
        connects_by_address: has("address"),
        ..nobody()
    })
}

async fn is_open(agent: &AgentClient, address: &str, port: u16) -> Result<bool, AgentError> {
    let target = format!("exec 3<>/dev/tcp/{address}/{port}");
    let argv = within_engine(&["timeout", "3", "bash", "-c", &target]);
    Ok(ask(agent, &argv, SAID).await?.is_fine())
}

/// The containers of the project's services.
async fn services(agent: &AgentClient) -> Result<Vec<Inspected>, AgentError> {
    let filter = format!("label=com.docker.compose.project={PROJECT}");
    let listed = ask(agent, &["docker", "ps", "--all", "--quiet", "--filter", &filter], ANSWER).await?;
    let ids: Vec<&str> = listed.stdout.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let argv = [&["docker", "inspect", "-f", "{{json .}}"], ids.as_slice()].concat();
    let said = ask(agent, &argv, ANSWER).await?;
    // One that is gone by now is left out.
    said.stdout
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| AgentError::Protocol(format!("docker inspect: {error}")))
        })
        .collect()
}

async fn find(agent: &AgentClient, service: &str) -> Result<Option<Inspected>, AgentError> {
    Ok(services(agent).await?.into_iter().find(|seen| seen.service() == service))
}

async fn log_of(agent: &AgentClient, id: &str) -> Result<String, AgentError> {
    tail_of(agent, &["docker", "logs", "--tail=200", id], SAID).await
}

/// The names of the project's networks.
pub(super) async fn networks(agent: &AgentClient) -> Result<Vec<String>, AgentError> {
    let filter = format!("label=com.docker.compose.project={PROJECT}");
    let argv = ["docker", "network", "ls", "--filter", &filter, "--format", "{{.Name}}"];
    let said = ask(agent, &argv, ANSWER).await?;
    Ok(said.stdout.split_whitespace().map(str::to_owned).collect())
}

fn compose<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["docker", "compose", "--project-name", PROJECT, "--ansi=never"], arguments].concat()
}
