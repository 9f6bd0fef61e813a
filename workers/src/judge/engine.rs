//! Commands in the verifier whose output the judge reads itself.

use std::time::Duration;

use containrlab_agent::message::ExecExit;

use crate::jobs::request;
use crate::sandbox::{AgentClient, AgentError};

/// How long a command that only asks something may take.
const LIMIT: Duration = Duration::from_secs(60);

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

/// Runs a command; keeps this many of the first bytes of each output.
pub(super) async fn ask(agent: &AgentClient, argv: &[&str], most: usize) -> Result<Said, AgentError> {
    let collected = agent.exec(request(argv, LIMIT)).await?.collect(most).await?;
    Ok(Said {
        stdout: String::from_utf8_lossy(&collected.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&collected.stderr).into_owned(),
        exit: collected.exit,
    })
}
