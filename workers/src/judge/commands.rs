//! Commands in the verifier whose output the judge reads itself.

use std::time::Duration;

use bytes::Bytes;
use containrlab_agent::message::{ExecExit, ExecRequest};

use crate::jobs::{Tail, request, run_quietly};
use crate::sandbox::{AgentClient, AgentError, Collected, ExecHandle};

/// How long a command that only asks something may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Bytes that are written to a command at once.
const PIECE: usize = 256 << 10;

/// What a command said.
pub(super) struct Said {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) exit: ExecExit,
}

impl Said {
    /// Whether it ended well.
    pub(super) fn is_fine(&self) -> bool {
        self.exit.exit.code == Some(0)
    }
}

impl From<Collected> for Said {
    fn from(collected: Collected) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&collected.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&collected.stderr).into_owned(),
            exit: collected.exit,
        }
    }
}

/// Runs a command; keeps this many of the first bytes of each output.
pub(super) async fn ask(agent: &AgentClient, argv: &[&str], most: usize) -> Result<Said, AgentError> {
    ask_within(agent, argv, most, LIMIT).await
}

/// As [`ask`], with a time limit of its own.
pub(super) async fn ask_within(
    agent: &AgentClient,
    argv: &[&str],
    most: usize,
    limit: Duration,
) -> Result<Said, AgentError> {
    Ok(agent.exec(request(argv, limit)).await?.collect(most).await?.into())
}

/// As [`ask_within`], for a command that reads this from its standard input.
pub(super) async fn tell_within(
    agent: &AgentClient,
    argv: &[&str],
    input: Bytes,
    most: usize,
    limit: Duration,
) -> Result<Said, AgentError> {
    let command = agent.exec(ExecRequest { stdin: true, ..request(argv, limit) }).await?;
    match write_all(&command, input).await {
        // Who ends without reading on says why in their output.
        Ok(()) | Err(AgentError::Refused(_)) => Ok(command.collect(most).await?.into()),
        Err(error) => Err(error),
    }
}

async fn write_all(command: &ExecHandle, mut input: Bytes) -> Result<(), AgentError> {
    while !input.is_empty() {
        command.write_stdin(input.split_to(input.len().min(PIECE))).await?;
    }
    command.close_stdin().await
}

/// Runs a command; keeps this many bytes of its beginning and its end, both outputs together.
pub(super) async fn tail_of(agent: &AgentClient, argv: &[&str], most: usize) -> Result<String, AgentError> {
    let mut kept = Tail::new(most);
    run_quietly(agent, request(argv, LIMIT), &mut kept).await?;
    Ok(kept.text())
}

/// Enters what the engine's own processes live in: with their rights over the files of images, and with their way to every
/// container's network.
const ENTER: &str = "exec nsenter --user --preserve-credentials --net \
                     --target \"$(cat \"$XDG_RUNTIME_DIR/docker/docker.pid\")\" -- \"$@\"";

/// A command that runs among the engine's own processes.
pub(super) fn within_engine<'a>(argv: &[&'a str]) -> Vec<&'a str> {
    [&["sh", "-c", ENTER, "sh"], argv].concat()
}
