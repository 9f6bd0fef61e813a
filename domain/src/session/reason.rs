//! Why a session ended: a code for the log and the counters, a sentence for the learner.

use serde::{Deserialize, Serialize};

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum EndReason {
    /// The learner ended it.
    Learner,
    /// Its time was up.
    Expired,
    /// No sandbox could be provided.
    StartFailed {
        /// Stable reason code of the failure.
        cause: String,
    },
    /// The runner that held its sandbox is gone.
    RunnerLost,
    /// Its sandbox died under it.
    SandboxDied {
        /// Stable reason code, such as `out_of_memory`.
        cause: String,
    },
    /// An operator ended it.
    Operator,
}

impl EndReason {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Learner => "learner",
            Self::Expired => "expired",
            Self::StartFailed { .. } => "start_failed",
            Self::RunnerLost => "runner_lost",
            Self::SandboxDied { .. } => "sandbox_died",
            Self::Operator => "operator",
        }
    }

    /// What the page says.
    pub fn sentence(&self) -> String {
        match self {
            Self::Learner => "You ended this session.".to_owned(),
            Self::Expired => {
                "The session's time was up. Your files are kept: start the lab again to go on from them."
                    .to_owned()
            }
            Self::StartFailed { cause } => format!(
                "We could not start a sandbox for this session ({cause}). That is our fault, not yours: please start the \
                 lab again."
            ),
            Self::RunnerLost => {
                "The machine that held your sandbox went away. Your files are kept: start the lab \
                                 again to go on from them."
                    .to_owned()
            }
            Self::SandboxDied { cause } => format!(
                "Your sandbox stopped working ({cause}). Your files are kept: start the lab again to go on from them."
            ),
            Self::Operator => {
                "An operator ended this session. Your files are kept: start the lab again to go on from \
                               them."
                    .to_owned()
            }
        }
    }
}
