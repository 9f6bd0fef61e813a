//! Commands in the verifier whose output the judge reads itself, and questions to the verifier's engine.

use std::time::Duration;

use bytes::Bytes;
use containrlab_agent::message::{ExecExit, ExecRequest};
use serde::de::DeserializeOwned;

use crate::jobs::{Tail, request, run_quietly};
use crate::sandbox::{AgentClient, AgentError, Collected, ExecHandle};

/// How long a command that only asks something may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Bytes of each of the engine's answers that are read.
const ANSWER: usize = 8 << 20;

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

/// Asks the engine's API. Much quicker than a `docker` that has to start for it, and a program that no learner can replace: the
/// root file system of a sandbox is read-only, and `--disable` keeps the learner's own settings out. Nor can one answer in the engine's
/// place: DOCKER_HOST is, for the platform, a socket that only the engine has.
const CURL: &str = "exec /usr/bin/curl --disable --silent --show-error --fail --max-time 20 --noproxy '*' \
                    --unix-socket \"${DOCKER_HOST#unix://}\" \"$@\"";

/// curl's exit code when the answer was a status of 400 or more.
const REFUSED: i32 = 22;

/// The engine's answer at a path of its API.
pub(super) async fn get<T: DeserializeOwned>(agent: &AgentClient, path: &str) -> Result<T, AgentError> {
    let said = curl(agent, [path]).await?;
    if !said.is_fine() {
        return Err(AgentError::Protocol(format!(
            "the engine does not answer {path}: {}",
            said.stderr.trim()
        )));
    }
    read(path, &said.stdout)
}

/// The engine's answers at several paths; what it does not have (any more) is left out.
pub(super) async fn get_each<T: DeserializeOwned>(
    agent: &AgentClient,
    paths: &[String],
) -> Result<Vec<T>, AgentError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let said = curl(agent, paths.iter().map(String::as_str)).await?;
    if !matches!(said.exit.exit.code, Some(0 | REFUSED)) {
        return Err(AgentError::Protocol(format!("the engine does not answer: {}", said.stderr.trim())));
    }
    let answers = serde_json::Deserializer::from_str(&said.stdout).into_iter();
    answers.collect::<Result<_, _>>().map_err(|error| unreadable(&paths.join(", "), &error))
}

async fn curl<'p>(agent: &AgentClient, paths: impl IntoIterator<Item = &'p str>) -> Result<Said, AgentError> {
    let addresses: Vec<String> = paths.into_iter().map(|path| format!("http://engine{path}")).collect();
    let words = ["/bin/sh", "-c", CURL, "sh"].into_iter().chain(addresses.iter().map(String::as_str));
    ask(agent, &words.collect::<Vec<_>>(), ANSWER).await
}

fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, AgentError> {
    serde_json::from_str(text).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &str, error: &serde_json::Error) -> AgentError {
    AgentError::Protocol(format!("the engine's answer to {path}: {error}"))
}

/// Enters what the engine's own processes live in: with their rights over the files of images, and with their way to every
/// container's network.
const ENTER: &str = "exec nsenter --user --preserve-credentials --net \
                     --target \"$(cat \"$XDG_RUNTIME_DIR/docker/docker.pid\")\" -- \"$@\"";

/// A command that runs among the engine's own processes.
pub(super) fn within_engine<'a>(argv: &[&'a str]) -> Vec<&'a str> {
    [&["sh", "-c", ENTER, "sh"], argv].concat()
}
