//! What can go wrong in a runner. Each variant is a sentence for whoever runs it; a learner only ever sees the reason
//! of an event.

use std::net::SocketAddr;
use std::path::PathBuf;

use containrlab_agent::message::ErrorCode;
use containrlab_domain::attempt::AttemptError;
use containrlab_domain::session::SessionError;
use containrlab_domain::workspace::WorkspaceError;
use containrlab_store::{CommandError, StoreError};

use crate::sandbox::{AgentError, SandboxError};

/// Why a runner could not start, or could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// A file or folder of the runner's own cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The gateway cannot listen.
    #[error(
        "the runner cannot listen on {address} ({source}); set RUNNER_LISTEN to a free address, or to port 0"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The labs cannot be read.
    #[error("the labs in {} cannot be used:\n{problems}", path.display())]
    Labs {
        /// Where they were looked for.
        path: PathBuf,
        /// All that is wrong with them, one a line.
        problems: String,
    },
    /// PostgreSQL or Redis has trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine that holds the sandboxes has trouble.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A sandbox's agent did not do what it was asked to.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A new sandbox did not take the workspace.
    #[error("the file {path} could not be written into the new sandbox: {why}")]
    Fill {
        /// Which file.
        path: String,
        /// What the agent says.
        why: String,
    },
    /// The session says no.
    #[error(transparent)]
    Session(SessionError),
    /// The workspace says no.
    #[error(transparent)]
    Workspace(WorkspaceError),
    /// The attempt says no.
    #[error(transparent)]
    Attempt(AttemptError),
    /// Something else was quicker; again later.
    #[error("{0}; try again")]
    Busy(&'static str),
    /// This runner does not hold the session.
    #[error("this runner does not hold the session")]
    NotHere,
    /// Whoever wanted it no longer waits for it.
    #[error("it was stopped on the way")]
    Stopped,
    /// Another worker holds the job.
    #[error("another worker holds the job")]
    StillHeld,
}

impl Error {
    /// Stable reason code for events, logs and counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setting(_) | Self::State { .. } | Self::Listen { .. } => "runner_misconfigured",
            Self::Labs { .. } => "labs_unreadable",
            Self::Store(error) if error.is_unavailable() => "store_unavailable",
            Self::Store(_) => "store_failed",
            Self::Sandbox(error) => error.code(),
            Self::Agent(error) if error.is(ErrorCode::NotListening) => "not_listening",
            Self::Agent(AgentError::Refused(_)) => "sandbox_refused",
            Self::Agent(_) => "sandbox_unreachable",
            Self::Fill { .. } => "workspace_not_filled",
            Self::Session(_) | Self::Workspace(_) | Self::Attempt(_) => "refused",
            Self::Busy(_) | Self::StillHeld => "busy",
            Self::NotHere => "not_here",
            Self::Stopped => "runner_stopped",
        }
    }

    /// Whether PostgreSQL or Redis is away, and the same again later may work.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unavailable())
    }
}

macro_rules! refusals {
    ($($error:ty => $variant:ident,)*) => {$(
        impl From<CommandError<$error>> for Error {
            fn from(error: CommandError<$error>) -> Self {
                match error {
                    CommandError::Refused(refusal) => Self::$variant(refusal),
                    CommandError::Conflict => Self::Busy("others keep changing this at the same moment"),
                    CommandError::Duplicate(_) => Self::Busy("there is one already"),
                    CommandError::StillHeld => Self::StillHeld,
                    CommandError::Store(error) => Self::Store(error),
                }
            }
        }
    )*};
}

refusals! {
    SessionError => Session,
    WorkspaceError => Workspace,
    AttemptError => Attempt,
}
