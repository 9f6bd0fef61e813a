//! `docker run` of an image in the background, watched for as long as a container needs to fall over at its start.

use std::time::Duration;

use containrlab_agent::message::ExecExit;
use containrlab_domain::job::JobOutcome;

use super::LogWriter;
use super::build::request;
use super::log::Tail;
use super::session_job::{exit_code, outcome_of};
use crate::error::Error;
use crate::sandbox::{AgentClient, AgentError};

/// How long each of docker's own commands may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the container is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(300);

/// Marks the containers that the button made, so that running again replaces them and leaves the learner's own alone.
const LABEL: &str = "containrlab.run=1";

pub(super) async fn run(
    agent: &AgentClient,
    log: &mut LogWriter,
    image: &str,
    ports: &[(u16, u16)],
) -> JobOutcome {
    outcome_of(try_run(agent, log, image, ports).await.map_err(Error::from), LIMIT.as_secs())
}

async fn try_run(
    agent: &AgentClient,
    log: &mut LogWriter,
    image: &str,
    ports: &[(u16, u16)],
) -> Result<ExecExit, AgentError> {
    remove_earlier(agent, log).await?;
    let name = container_name(image);
    let published: Vec<String> = ports.iter().map(|(host, inner)| format!("{host}:{inner}")).collect();
    let mut argv = vec!["docker", "run", "-d", "--name", &name, "--label", LABEL];
    for port in &published {
        argv.extend(["-p", port]);
    }
    argv.push(image);
    log.line(&format!("$ {}", argv.join(" "))).await;
    let started = log.run(agent, request(&argv, LIMIT)).await?;
    if exit_code(&started) != 0 {
        // Made but not started, when a port is taken or the program is missing; in the way of the next try.
        remove_earlier(agent, log).await?;
        return Ok(started);
    }
    watch(agent, log, &name, started).await
}

/// Removes what the button started before.
async fn remove_earlier(agent: &AgentClient, log: &mut LogWriter) -> Result<(), AgentError> {
    let mut earlier = Tail::new(4096);
    let list = ["docker", "ps", "-aq", "--filter", &format!("label={LABEL}")];
    quietly(agent, &list, &mut earlier).await?;
    let earlier = earlier.text();
    let ids: Vec<&str> = earlier.split_whitespace().collect();
    if !ids.is_empty() {
        log.line("Removing the container of the run before.").await;
        let argv = [&["docker", "rm", "-f", "-v"], ids.as_slice()].concat();
        quietly(agent, &argv, &mut Tail::new(0)).await?;
    }
    Ok(())
}

/// Looks whether the container stays up, and logs what it says.
async fn watch(
    agent: &AgentClient,
    log: &mut LogWriter,
    name: &str,
    started: ExecExit,
) -> Result<ExecExit, AgentError> {
    let until = tokio::time::Instant::now() + WATCHED;
    let state = loop {
        let state = state_of(agent, name).await?;
        if !state.is_running() || tokio::time::Instant::now() >= until {
            break state;
        }
        tokio::time::sleep(LOOK).await;
    };
    log.line(&format!("$ docker logs {name}")).await;
    log.run(agent, request(&["docker", "logs", name], LIMIT)).await?;
    log.line(&state.sentence(name)).await;
    let mut ended = started;
    ended.exit.code = Some(state.code());
    Ok(ended)
}

/// The state of a container as `docker inspect` says it.
struct State {
    status: String,
    exit_code: i32,
    out_of_memory: bool,
}

impl State {
    fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace();
        Self {
            status: words.next().unwrap_or("gone").to_owned(),
            exit_code: words.next().and_then(|word| word.parse().ok()).unwrap_or(-1),
            out_of_memory: words.next() == Some("true"),
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.status.as_str(), "running" | "created" | "restarting")
    }

    /// 0 while it runs, or when it ended of its own accord.
    fn code(&self) -> i32 {
        if self.is_running() { 0 } else { self.exit_code }
    }

    fn sentence(&self, name: &str) -> String {
        if self.is_running() {
            format!("The container {name} is running.")
        } else if self.out_of_memory {
            format!("The container {name} was stopped because it used more memory than it may.")
        } else {
            format!("The container {name} has ended with exit code {}.", self.exit_code)
        }
    }
}

async fn state_of(agent: &AgentClient, name: &str) -> Result<State, AgentError> {
    let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}";
    let mut said = Tail::new(4096);
    quietly(agent, &["docker", "inspect", "-f", format, name], &mut said).await?;
    Ok(State::parse(&said.text()))
}

/// Runs a command whose output is not for the learner.
async fn quietly(agent: &AgentClient, argv: &[&str], kept: &mut Tail) -> Result<ExecExit, AgentError> {
    crate::jobs::log::run_quietly(agent, request(argv, LIMIT), kept).await
}

/// A name for the container of an image: `team/app:1.0` runs as `run-app`.
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let bare = last.split([':', '@']).next().unwrap_or(last);
    format!("run-{bare}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_named_for_its_image() {
        for (image, name) in
            [("app", "run-app"), ("app:dev", "run-app"), ("localhost:5000/team/app@sha256:0", "run-app")]
        {
            assert_eq!(container_name(image), name);
        }
    }

    #[test]
    fn a_crash_is_told_from_a_container_that_stays_up() {
        let up = State::parse("running 0 false\n");
        assert!(up.is_running());
        assert_eq!(up.code(), 0);
        let crashed = State::parse("exited 3 false\n");
        assert_eq!((crashed.is_running(), crashed.code()), (false, 3));
        assert!(State::parse("exited 137 true").sentence("run-app").contains("memory"));
        assert_eq!(State::parse("").code(), -1);
    }
}
