//! An author's own check, in a container beside.

use std::time::Duration;

use containrlab_domain::judge::{ContainerState, ScriptObserved};

use super::commands::{ask, ask_within, tail_of};
use super::compose;
use super::container::Container;
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of its output that are kept.
const OUTPUT: usize = 32 * 1024;

/// What a script runs beside.
pub(super) enum Beside<'a> {
    Files,
    Container(&'a Container),
    Compose,
}

/// Runs a script in a container of this image, under a name of its own.
pub(super) async fn run(
    agent: &AgentClient,
    name: &str,
    image: &str,
    script: &str,
    beside: Beside<'_>,
    timeout_seconds: u32,
) -> Result<ScriptObserved, AgentError> {
    let networks = match &beside {
        Beside::Files => vec!["none".to_owned()],
        Beside::Container(container) => vec![format!("container:{}", container.name())],
        Beside::Compose => compose::networks(agent).await?,
    };
    let network = networks.first().map_or("none", String::as_str);
    let argv = [
        "docker",
        "create",
        "--name",
        name,
        "--pull=never",
        "--network",
        network,
        "--volume=/workspace:/workspace:ro",
        "--workdir=/workspace",
        "--entrypoint=sh",
        image,
        "-c",
        script,
    ];
    let made = ask(agent, &argv, OUTPUT).await?;
    if !made.is_fine() {
        let container = state_of(agent, &beside).await?;
        if container.as_ref().is_some_and(|state| *state != ContainerState::Running) {
            return Ok(ScriptObserved { exit_code: None, output: made.stderr, container });
        }
        // The author's doing or the platform's, never the learner's.
        return Err(AgentError::Protocol(format!(
            "the lab's own check could not be started: {}",
            made.stderr.trim()
        )));
    }
    for network in networks.iter().skip(1) {
        ask(agent, &["docker", "network", "connect", network, name], OUTPUT).await?;
    }
    let limit = Duration::from_secs(timeout_seconds.into());
    let ran = ask_within(agent, &["docker", "start", "--attach", name], OUTPUT, limit).await?;
    let output = tail_of(agent, &["docker", "logs", "--tail=200", name], OUTPUT).await?;
    let exit_code = ran.exit.exit.code.filter(|_| !ran.exit.timed_out).map(i64::from);
    let container = state_of(agent, &beside).await?;
    ask(agent, &["docker", "rm", "--force", name], OUTPUT).await?;
    Ok(ScriptObserved { exit_code, output, container })
}

async fn state_of(agent: &AgentClient, beside: &Beside<'_>) -> Result<Option<ContainerState>, AgentError> {
    match beside {
        Beside::Container(container) => container.state(agent).await.map(Some),
        Beside::Files | Beside::Compose => Ok(None),
    }
}
