//! What can go wrong between the runner and a sandbox's agent.

use containrlab_agent::frame::FrameError;
use containrlab_agent::message::{EngineStatus, ErrorCode, WireError};

/// Why the agent did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It answered, and the answer was no: the sentence is for whoever asked.
    #[error("{0}")]
    Refused(#[from] WireError),
    /// The sandbox's container isn't there or doesn't run: asking again is in vain.
    #[error("the sandbox is gone: {0}")]
    Gone(String),
    /// The container's agent was started anew: its terminals and commands are gone.
    #[error("the sandbox was started anew, and what ran in it is gone")]
    Restarted,
    /// No connection could be made.
    #[error("the sandbox's agent can't be reached: {0}")]
    Unreachable(String),
    /// The connection broke before the answer came: it may have been done or not. A command that ran on it was stopped.
    #[error("the connection to the sandbox's agent broke before it answered")]
    Lost,
    /// No answer within the time that such a request can take.
    #[error("the sandbox's agent did not answer in time")]
    TimedOut,
    /// The engine didn't become ready in the time that was given.
    #[error("the sandbox's engine isn't ready{}", said(.0))]
    NotReady(Box<EngineStatus>),
    /// The agent's image is older or newer than this runner.
    #[error(
        "the sandbox's agent speaks version {agent} of the protocol, this runner version {ours}: build the sandbox image again"
    )]
    Version {
        /// What the agent speaks.
        agent: u32,
        /// What the runner speaks.
        ours: u32,
    },
    /// A request over the protocol's limits.
    #[error("this can't be sent to the sandbox's agent: {0}")]
    Unsendable(FrameError),
    /// An answer that doesn't belong to the question.
    #[error("the sandbox's agent answered what wasn't asked: {0}")]
    Protocol(String),
}

impl AgentError {
    /// The agent's code, if it was the agent that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            AgentError::Refused(error) => Some(error.code),
            _ => None,
        }
    }

    /// Whether the agent refused for this reason.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code() == Some(code)
    }

    /// Whether the connection is at fault, so that the same request may succeed later.
    pub fn is_connection(&self) -> bool {
        matches!(self, AgentError::Unreachable(_) | AgentError::Lost | AgentError::TimedOut)
    }
}

fn said(status: &EngineStatus) -> String {
    let detail = status.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let last = status.log.last().map(|line| format!(" Its last words: {line}")).unwrap_or_default();
    format!("{detail}{last}")
}
