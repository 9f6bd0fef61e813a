//! The compose project of an attempt.

mod reach;
mod service;

use std::collections::HashMap;
use std::time::Duration;

use containrlab_domain::judge::{
    BuildObserved, ComposeConfigObserved, ComposeObserved, ContainerState, HttpExpectation, HttpObserved,
    ServiceObserved,
};
use serde_json::Value;
use tokio::time::Instant;

pub(super) use self::reach::reach;
use self::service::{Service, Wait, find};
use super::bounds;
use super::build::run_build;
use super::commands::{Said, ask, ask_within, tell_within, within_engine};
use super::http::question;
use super::journal::Journal;
use super::looks::Looks;
use super::processes::{Processes, Rest};
use super::sockets;
use crate::sandbox::{AgentClient, AgentError};

/// The project's name.
const PROJECT: &str = "attempt";

/// Bytes of the engine's answers that are read.
const ANSWER: usize = 4 << 20;

/// Bytes of output that go with an observation.
const SAID: usize = 32 * 1024;

/// Beyond the time that a check gives its services: networks, volumes and containers are made first.
const MAKING: Duration = Duration::from_secs(30);

/// How long services that never rest are watched when nobody waits for their health.
const LONGEST_START: Duration = Duration::from_secs(20);

/// What Docker makes of the compose file.
pub(super) async fn config(agent: &AgentClient) -> Result<ComposeConfigObserved, AgentError> {
    Ok(match read_file(agent).await? {
        Ok(config) => ComposeConfigObserved { config: Some(config), error: String::new() },
        Err(error) => ComposeConfigObserved { config: None, error },
    })
}

/// The compose file as Docker reads it, or what it has to say against it.
async fn read_file(agent: &AgentClient) -> Result<Result<Value, String>, AgentError> {
    let said = ask(agent, &compose(&["config", "--format", "json"]), ANSWER).await?;
    if !said.is_fine() {
        return Ok(Err(said.stderr));
    }
    let project = serde_json::from_str(&said.stdout)
        .map_err(|error| AgentError::Protocol(format!("docker compose config: {error}")))?;
    Ok(Ok(project))
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
    memory_mib: u32,
    within_seconds: u32,
    healthy: bool,
) -> Result<ComposeObserved, AgentError> {
    journal.say("$ docker compose up -d").await;
    let limit = Duration::from_secs(within_seconds.into());
    let started = Instant::now();
    let said = start(agent, memory_mib, limit + MAKING).await?;
    let wait = Wait { for_health: healthy, gave_up: !said.is_fine() };
    let services = settled(agent, wait, started + limit).await?;
    let after_seconds = started.elapsed().as_secs_f64();
    if wait.gave_up {
        journal.say(said.stderr.trim_end()).await;
    }
    Ok(ComposeObserved {
        started: !wait.gave_up,
        output: said.stderr + &said.stdout,
        services: told(agent, journal, &services).await?,
        after_seconds,
    })
}

/// Starts what the file says, within our bounds: what Docker reads in the file is handed to it with these put in.
async fn start(agent: &AgentClient, memory_mib: u32, limit: Duration) -> Result<Said, AgentError> {
    let mut project = read_file(agent).await?.map_err(AgentError::Protocol)?;
    bounds::of_services(&mut project, memory_mib);
    let argv = compose(&["--project-directory", ".", "--file", "-", "up", "--detach", "--no-build"]);
    tell_within(agent, &argv, project.to_string().into(), SAID, limit).await
}

/// Watches the services until each is as it will be: it has ended, its health is known, or it rests and so has come up.
async fn settled(agent: &AgentClient, wait: Wait, until: Instant) -> Result<Vec<Service>, AgentError> {
    let longest = Instant::now() + LONGEST_START;
    let mut looks = Looks::new();
    let mut rests: HashMap<String, Rest> = HashMap::new();
    loop {
        let services = service::all(agent).await?;
        let processes = Processes::look(agent).await?;
        let mut are_decided = true;
        for service in &services {
            let is_at_rest = processes.family(service.pid()).is_at_rest;
            let now = Instant::now();
            let rests = rests.entry(service.id.clone()).or_default().is_settled(is_at_rest, now);
            are_decided &= service.is_decided(wait, rests || now >= longest);
        }
        if are_decided || Instant::now() >= until.max(longest) {
            return Ok(services);
        }
        looks.pause().await;
    }
}

/// Looks at the services once more, after whatever was asked of them in the meantime.
pub(super) async fn look(agent: &AgentClient, journal: &Journal<'_>) -> Result<ComposeObserved, AgentError> {
    let services = told(agent, journal, &service::all(agent).await?).await?;
    Ok(ComposeObserved { started: true, services, ..ComposeObserved::default() })
}

async fn told(
    agent: &AgentClient,
    journal: &Journal<'_>,
    services: &[Service],
) -> Result<Vec<ServiceObserved>, AgentError> {
    let mut observed = Vec::new();
    for service in services {
        journal
            .say(&format!("{}: {:?}, health: {}", service.name(), service.state(), service.health()))
            .await;
        observed.push(service.observed(agent).await?);
    }
    Ok(observed)
}

/// Takes the project down, its volumes not, and starts it again.
pub(super) async fn anew(
    agent: &AgentClient,
    journal: &Journal<'_>,
    memory_mib: u32,
    within_seconds: u32,
) -> Result<ComposeObserved, AgentError> {
    journal.say("$ docker compose down").await;
    let said = ask_within(agent, &compose(&["down"]), SAID, MAKING * 2).await?;
    if !said.is_fine() {
        journal.say(said.stderr.trim_end()).await;
    }
    up(agent, journal, memory_mib, within_seconds, false).await
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
            Service::state,
        );
        let is_met = answer.as_ref().is_ok_and(|response| expect.is_met(response).is_ok());
        let is_over = is_met || answer.as_ref().is_ok_and(|response| !expect.may_ask_again(response));
        if is_over || after_seconds >= f64::from(within_seconds) {
            let (listens, log) = match &seen {
                Some(seen) if !is_met => {
                    (sockets::listening(agent, seen.pid()).await?, seen.log(agent).await?)
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
