//! The container that the checks ask.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::judge::{ContainerState, HealthObserved, RunObserved};
use serde::Deserialize;
use tokio::time::Instant;

use super::engine::ask;
use super::steps::IMAGE;
use crate::sandbox::{AgentClient, AgentError};

/// Its name.
const NAME: &str = "attempt";

/// The port of the sandbox at which the container's first port is reachable; the others follow.
const FIRST_PORT: u16 = 40_000;

/// How long a container gets to fall over at its start.
const MOMENT: Duration = Duration::from_millis(1500);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);

/// Bytes of the engine's answers that are read.
const ANSWER: usize = 256 * 1024;

/// A started container.
pub(super) struct Container {
    ports: Vec<u16>,
    started: Instant,
    log_kib: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    exit_code: i64,
    #[serde(rename = "OOMKilled", default)]
    out_of_memory: bool,
    #[serde(default)]
    error: String,
    health: Option<Health>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
    #[serde(default)]
    log: Option<Vec<HealthLog>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthLog {
    output: String,
}

impl State {
    fn observed(&self) -> ContainerState {
        match self.status.as_str() {
            "running" | "restarting" | "paused" => ContainerState::Running,
            "created" => ContainerState::NotStarted { error: self.error.clone() },
            _ => ContainerState::Exited { code: self.exit_code, out_of_memory: self.out_of_memory },
        }
    }
}

impl Container {
    /// Starts a container of the attempt's image and watches whether it falls over.
    pub(super) async fn start(
        agent: &AgentClient,
        ports: &[u16],
        env: &BTreeMap<String, String>,
        memory_mib: u32,
        log_kib: u32,
    ) -> Result<(Self, RunObserved), AgentError> {
        let container = Self { ports: ports.to_vec(), started: Instant::now(), log_kib };
        let mut argv = vec![
            "docker".to_owned(),
            "run".to_owned(),
            "-d".to_owned(),
            "--name".to_owned(),
            NAME.to_owned(),
        ];
        argv.push(format!("--memory={memory_mib}m"));
        for (index, port) in (0u16..).zip(ports) {
            argv.extend(["-p".to_owned(), format!("127.0.0.1:{}:{port}", FIRST_PORT + index)]);
        }
        for (name, value) in env {
            argv.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        argv.push(IMAGE.to_owned());
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let said = ask(agent, &words, ANSWER).await?;
        if !said.is_fine() {
            let observed = RunObserved {
                state: ContainerState::NotStarted { error: words_of_engine(&said.stderr) },
                log: String::new(),
            };
            return Ok((container, observed));
        }
        let until = Instant::now() + MOMENT;
        let state = loop {
            let state = container.state(agent).await?;
            if state != ContainerState::Running || Instant::now() >= until {
                break state;
            }
            tokio::time::sleep(LOOK).await;
        };
        let log = container.log(agent).await?;
        Ok((container, RunObserved { state, log }))
    }

    /// The address at which one of its ports is reachable from within the sandbox.
    pub(super) fn address(&self, port: u16) -> Option<String> {
        let index = self.ports.iter().position(|listed| *listed == port)?;
        Some(format!("127.0.0.1:{}", FIRST_PORT + u16::try_from(index).ok()?))
    }

    /// Seconds since its start.
    pub(super) fn age(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Whether it is younger than this.
    pub(super) fn is_within(&self, seconds: u32) -> bool {
        self.started.elapsed() < Duration::from_secs(seconds.into())
    }

    async fn inspect(&self, agent: &AgentClient) -> Result<State, AgentError> {
        let said = ask(agent, &["docker", "inspect", "-f", "{{json .State}}", NAME], ANSWER).await?;
        serde_json::from_str(&said.stdout)
            .map_err(|error| AgentError::Protocol(format!("docker inspect: {error}; {}", said.stderr)))
    }

    /// How it is.
    pub(super) async fn state(&self, agent: &AgentClient) -> Result<ContainerState, AgentError> {
        Ok(self.inspect(agent).await?.observed())
    }

    /// The last of its output.
    pub(super) async fn log(&self, agent: &AgentClient) -> Result<String, AgentError> {
        let most = self.log_kib as usize * 1024;
        let said = ask(agent, &["docker", "logs", "--tail", "200", NAME], most).await?;
        Ok(said.stdout + &said.stderr)
    }

    /// Watches its health until that is decided or the time is over.
    pub(super) async fn watch_health(
        &self,
        agent: &AgentClient,
        within_seconds: u32,
    ) -> Result<HealthObserved, AgentError> {
        loop {
            let state = self.inspect(agent).await?;
            let running = state.observed() == ContainerState::Running;
            let Some(health) = state.health else {
                return Ok(HealthObserved {
                    status: "none".to_owned(),
                    log: String::new(),
                    after_seconds: self.age(),
                });
            };
            let is_decided = health.status != "starting";
            if is_decided || !running || !self.is_within(within_seconds) {
                let log = health.log.unwrap_or_default().pop().map(|last| last.output).unwrap_or_default();
                return Ok(HealthObserved { status: health.status, log, after_seconds: self.age() });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The reason alone, without docker's own address to the reader.
fn words_of_engine(stderr: &str) -> String {
    let line = stderr.lines().rev().find(|line| line.contains("docker: ") || line.contains("Error"));
    let line = line.unwrap_or(stderr).trim();
    let line = line.strip_prefix("docker: ").unwrap_or(line);
    line.strip_prefix("Error response from daemon: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_lose_their_address() {
        let stderr = "WARNING: no memory limit support\ndocker: Error response from daemon: exec: \"x\": not found.\n\
                      \nRun 'docker run --help' for more information\n";
        assert_eq!(words_of_engine(stderr), "exec: \"x\": not found.");
        assert_eq!(words_of_engine("odd"), "odd");
    }

    #[test]
    fn a_state_is_read_as_docker_writes_it() {
        let text = r#"{"Status":"exited","ExitCode":137,"OOMKilled":true,"Error":"","Health":{"Status":"unhealthy","Log":[{"Output":"a"},{"Output":"b"}]}}"#;
        let state: State = serde_json::from_str(text).unwrap();
        assert_eq!(state.observed(), ContainerState::Exited { code: 137, out_of_memory: true });
        assert_eq!(state.health.unwrap().log.unwrap().pop().unwrap().output, "b");
    }
}
