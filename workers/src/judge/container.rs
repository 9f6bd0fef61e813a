//! Containers of the attempt's image.

use std::time::Duration;

use containrlab_domain::judge::{
    ContainerSpec, ContainerState, EndedObserved, HealthObserved, LogsObserved, MemoryObserved, RunObserved,
    StoppedObserved, checks::LogExpectation,
};
use serde::Deserialize;
use tokio::time::Instant;

use super::bounds;
use super::build::IMAGE;
use super::commands::{ask, ask_within, tail_of};
use super::looks::{FIRST_LOOK, Looks};
use super::processes::{Processes, Rest};
use super::sockets;
use crate::sandbox::{AgentClient, AgentError};

/// How long a container that never rests is watched at its start.
const LONGEST_START: Duration = Duration::from_secs(10);

/// Bytes of the engine's answers that are read.
const ANSWER: usize = 256 * 1024;

/// A started container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    name: String,
    spec: ContainerSpec,
    /// The port of the sandbox at which its first port is reachable; the others follow.
    first_port: u16,
    started: Instant,
    log_kib: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    status: String,
    exit_code: i64,
    #[serde(default)]
    pid: u32,
    #[serde(rename = "OOMKilled", default)]
    out_of_memory: bool,
    #[serde(default)]
    error: String,
    health: Option<Health>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
    #[serde(default)]
    log: Option<Vec<HealthLog>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthLog {
    output: String,
}

/// The exit code of a process that a SIGKILL ended.
const KILLED: i64 = 137;

impl State {
    /// As a service's container is: one that waits for its next start has ended.
    pub(super) fn observed_as_service(&self) -> ContainerState {
        match self.status.as_str() {
            "restarting" => ContainerState::Exited { code: self.exit_code, out_of_memory: false },
            _ => self.observed(),
        }
    }

    /// `healthy`, `unhealthy`, `starting`, or `none` without a health check.
    pub(super) fn health_status(&self) -> &str {
        self.health.as_ref().map_or("none", |health| &health.status)
    }

    /// Its first process; 0 when there is none.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    fn observed(&self) -> ContainerState {
        match self.status.as_str() {
            "running" | "restarting" | "paused" => ContainerState::Running,
            "created" => ContainerState::NotStarted { error: self.error.clone() },
            _ => ContainerState::Exited {
                code: self.exit_code,
                // Nobody here kills one that is being looked at: it was the kernel, for want of memory. Inside a sandbox, the
                // engine is not told.
                out_of_memory: self.out_of_memory || self.exit_code == KILLED,
            },
        }
    }
}

impl Container {
    /// A container that is not started yet.
    pub(super) fn new(name: String, spec: ContainerSpec, first_port: u16, log_kib: u32) -> Self {
        Self { name, spec, first_port, started: Instant::now(), log_kib }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How it is started, as far as people care.
    pub(super) fn shown(&self) -> String {
        format!("$ docker run -d --name {} {}", self.name, self.options().join(" "))
    }

    fn command_line(&self) -> Vec<String> {
        let mut argv: Vec<String> = ["docker", "run", "-d", "--name", &self.name].map(str::to_owned).to_vec();
        argv.extend(bounds::of_container(self.spec.memory_mib));
        argv.extend(self.options());
        argv
    }

    fn options(&self) -> Vec<String> {
        let mut argv = Vec::new();
        for (port, inner) in (self.first_port..).zip(&self.spec.ports) {
            argv.push(format!("--publish=127.0.0.1:{port}:{inner}"));
        }
        argv.extend(self.spec.read_only.then(|| "--read-only".to_owned()));
        argv.extend(self.spec.tmpfs.iter().map(|path| format!("--tmpfs={path}")));
        if self.spec.bare {
            argv.extend(["--cap-drop=ALL", "--security-opt=no-new-privileges"].map(str::to_owned));
        }
        argv.extend(self.spec.volume.iter().map(|path| format!("--volume={}:{path}", self.volume())));
        argv.extend(self.spec.env.iter().map(|(name, value)| format!("--env={name}={value}")));
        argv.push(IMAGE.to_owned());
        argv.extend(self.spec.command.iter().cloned());
        argv
    }

    fn volume(&self) -> String {
        format!("{}-data", self.name)
    }

    /// Starts it. If it is to `settle`, watches until it has fallen over or rests.
    pub(super) async fn start(
        &mut self,
        agent: &AgentClient,
        settle: bool,
    ) -> Result<RunObserved, AgentError> {
        self.started = Instant::now();
        let argv = self.command_line();
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let said = ask(agent, &words, ANSWER).await?;
        if !said.is_fine() {
            let state = ContainerState::NotStarted { error: words_of_engine(&said.stderr) };
            return Ok(RunObserved { state, log: String::new() });
        }
        if !settle {
            return Ok(RunObserved { state: ContainerState::Running, log: String::new() });
        }
        Ok(RunObserved { state: self.settle(agent).await?, log: self.log(agent).await? })
    }

    async fn settle(&self, agent: &AgentClient) -> Result<ContainerState, AgentError> {
        let mut looks = Looks::new();
        let mut rest = Rest::default();
        loop {
            let seen = self.inspect(agent).await?;
            let state = seen.observed();
            let is_at_rest = Processes::look(agent).await?.family(seen.pid).is_at_rest;
            let is_decided = state != ContainerState::Running || rest.is_settled(is_at_rest, Instant::now());
            if is_decided || self.started.elapsed() >= LONGEST_START {
                return Ok(state);
            }
            looks.pause().await;
        }
    }

    /// Removes it and starts another one like it with the same volume.
    pub(super) async fn start_anew(&mut self, agent: &AgentClient) -> Result<RunObserved, AgentError> {
        // As people do it: asked to stop, so that what it has in memory is written.
        ask(agent, &["docker", "stop", "--time=10", &self.name], ANSWER).await?;
        ask(agent, &["docker", "rm", "--force", &self.name], ANSWER).await?;
        self.start(agent, false).await
    }

    /// Waits for its end.
    pub(super) async fn wait(
        &self,
        agent: &AgentClient,
        within_seconds: u32,
    ) -> Result<EndedObserved, AgentError> {
        let limit = Duration::from_secs(within_seconds.into()).saturating_sub(self.started.elapsed());
        ask_within(agent, &["docker", "wait", &self.name], ANSWER, limit.max(FIRST_LOOK)).await?;
        let state = self.state(agent).await?;
        if state == ContainerState::Running {
            ask(agent, &["docker", "kill", &self.name], ANSWER).await?;
        }
        Ok(EndedObserved { state, log: self.log(agent).await? })
    }

    /// Asks it to stop, and kills it when the time is over.
    pub(super) async fn stop(
        &self,
        agent: &AgentClient,
        within_seconds: u32,
    ) -> Result<StoppedObserved, AgentError> {
        let before = self.state(agent).await?;
        let asked = Instant::now();
        let time = format!("--time={within_seconds}");
        if before == ContainerState::Running {
            ask_within(
                agent,
                &["docker", "stop", &time, &self.name],
                ANSWER,
                Duration::from_secs(u64::from(within_seconds) + 30),
            )
            .await?;
        }
        let after_seconds = asked.elapsed().as_secs_f64();
        let exit_code = self.inspect(agent).await?.exit_code;
        let killed = exit_code == KILLED && after_seconds >= f64::from(within_seconds);
        // The engine needs a moment of its own to tell the end.
        let after_seconds = if killed { after_seconds } else { after_seconds.min(within_seconds.into()) };
        Ok(StoppedObserved { before, killed, exit_code, after_seconds, log: self.log(agent).await? })
    }

    /// The address at which one of its ports is reachable from within the sandbox.
    pub(super) fn address(&self, port: u16) -> Option<String> {
        let index = self.spec.ports.iter().position(|listed| *listed == port)?;
        Some(format!("127.0.0.1:{}", self.first_port + u16::try_from(index).ok()?))
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
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Inspected {
            state: State,
        }
        let mut engine = agent.engine_api().await?;
        Ok(engine.get::<Inspected>(&format!("/containers/{}/json", self.name)).await?.state)
    }

    /// How it is.
    pub(super) async fn state(&self, agent: &AgentClient) -> Result<ContainerState, AgentError> {
        Ok(self.inspect(agent).await?.observed())
    }

    /// The beginning and the end of its output.
    pub(super) async fn log(&self, agent: &AgentClient) -> Result<String, AgentError> {
        let most = self.log_kib as usize * 1024;
        tail_of(agent, &["docker", "logs", "--tail=2000", &self.name], most).await
    }

    /// The addresses at which it listens.
    pub(super) async fn listens(&self, agent: &AgentClient) -> Result<Vec<String>, AgentError> {
        sockets::listening(agent, self.inspect(agent).await?.pid).await
    }

    /// Reads its output until that holds what is wanted, it is gone or the time is over.
    pub(super) async fn watch_log(
        &self,
        agent: &AgentClient,
        expect: &LogExpectation,
        within_seconds: u32,
    ) -> Result<LogsObserved, AgentError> {
        let mut looks = Looks::new();
        loop {
            let container = self.state(agent).await?;
            let log = self.log(agent).await?;
            let is_over = container != ContainerState::Running || !self.is_within(within_seconds);
            if is_over || expect.is_met(&log).is_ok() {
                return Ok(LogsObserved { log, container });
            }
            looks.pause().await;
        }
    }

    /// Adds up the memory of its processes.
    pub(super) async fn memory(&self, agent: &AgentClient) -> Result<MemoryObserved, AgentError> {
        let state = self.inspect(agent).await?;
        let family = Processes::look(agent).await?.family(state.pid);
        Ok(MemoryObserved {
            resident_bytes: family.resident_bytes,
            processes: family.members,
            container: state.observed(),
        })
    }

    /// Watches its health until that is decided or the time is over.
    pub(super) async fn watch_health(
        &self,
        agent: &AgentClient,
        within_seconds: u32,
    ) -> Result<HealthObserved, AgentError> {
        let mut looks = Looks::new();
        loop {
            let state = self.inspect(agent).await?;
            let container = state.observed();
            let is_gone = container != ContainerState::Running;
            let status = state.health_status().to_owned();
            if is_gone || status != "starting" || !self.is_within(within_seconds) {
                let last = state.health.and_then(|health| health.log.unwrap_or_default().pop());
                return Ok(HealthObserved {
                    status,
                    log: last.map(|last| last.output).unwrap_or_default(),
                    after_seconds: self.age(),
                    container_log: if is_gone { self.log(agent).await? } else { String::new() },
                    container,
                });
            }
            looks.pause().await;
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
    fn a_container_is_started_within_its_bounds() {
        let spec = ContainerSpec {
            command: vec!["serve".to_owned()],
            ports: vec![80, 443],
            memory_mib: 64,
            read_only: true,
            tmpfs: vec!["/tmp".to_owned()],
            bare: true,
            volume: Some("/data".to_owned()),
            ..ContainerSpec::default()
        };
        let container = Container::new("attempt-2".to_owned(), spec, 40_010, 1);
        let line = container.command_line().join(" ");
        for part in [
            "--memory=64m",
            "--publish=127.0.0.1:40010:80 --publish=127.0.0.1:40011:443",
            "--read-only --tmpfs=/tmp --cap-drop=ALL --security-opt=no-new-privileges --volume=attempt-2-data:/data",
            "--ulimit=nproc=600:600",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(line.ends_with(" attempt serve"), "{line}");
        assert_eq!(container.address(443).as_deref(), Some("127.0.0.1:40011"));
    }

    #[test]
    fn a_state_is_read_as_docker_writes_it() {
        let text = r#"{"Status":"exited","ExitCode":137,"OOMKilled":true,"Error":"","Health":{"Status":"unhealthy","Log":[{"Output":"a"},{"Output":"b"}]}}"#;
        let state: State = serde_json::from_str(text).unwrap();
        assert_eq!(state.observed(), ContainerState::Exited { code: 137, out_of_memory: true });
        assert_eq!(state.health.unwrap().log.unwrap().pop().unwrap().output, "b");
    }
}
