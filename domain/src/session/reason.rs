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
                "We could not start a sandbox for this session: {}. That is our fault, not yours: please start the lab again.",
                why_not_started(cause)
            ),
            Self::RunnerLost => {
                "The machine that held your sandbox went away. Your files are kept: start the lab \
                                 again to go on from them."
                    .to_owned()
            }
            Self::SandboxDied { cause } => {
                format!("{} Your files are kept: start the lab again to go on from them.", how_died(cause))
            }
            Self::Operator => {
                "An operator ended this session. Your files are kept: start the lab again to go on from \
                               them."
                    .to_owned()
            }
        }
    }
}

/// The cause of a failed start in words. Causes are codes that the runner chooses; one that is new here is told in general.
fn why_not_started(cause: &str) -> &'static str {
    match cause {
        "worker_crashed" => "the program that makes it stopped several times in the middle of it",
        "lab_unknown" => "its lab is not to be had any more",
        "session_unknown" => "nothing is known of the session",
        "workspace_not_filled" => "the lab's files could not be put into it",
        "volume_store_failed" => "there was trouble with the disk that holds sandboxes",
        "host_engine_unreachable" | "host_engine_failed" | "host_tool_failed" => {
            "there was trouble on the machine that holds sandboxes"
        }
        "images_not_prepared" | "image_build_failed" | "golden_volume_failed" => {
            "the images that it starts from are not ready"
        }
        "sandbox_engine_not_ready" => "its Docker engine did not start in time",
        "sandbox_died" | "sandbox_gone" | "sandbox_agent_failed" | "sandbox_unreachable" => {
            "it stopped while it was being prepared"
        }
        "store_unavailable" | "store_failed" => "the database did not answer",
        _ => "something went wrong on our side",
    }
}

/// How a sandbox died, in a sentence.
fn how_died(cause: &str) -> &'static str {
    match cause {
        "out_of_memory" => "Your sandbox ran out of memory and was stopped as a whole.",
        "sandbox_gone" => "Your sandbox was removed from its machine.",
        "agent_unreachable" => "Your sandbox stopped answering.",
        "host_engine_restarted" => {
            "The Docker engine of the machine that held your sandbox was started anew, and your sandbox ended with it."
        }
        "machine_restarted" => "The machine that held your sandbox was started anew.",
        _ => "Your sandbox stopped working, for a reason on our side.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sentence_shows_a_code() {
        for cause in [
            "out_of_memory",
            "sandbox_died",
            "host_engine_restarted",
            "machine_restarted",
            "agent_unreachable",
            "worker_crashed",
            "a_new_one",
        ] {
            let cause = cause.to_owned();
            for reason in [EndReason::StartFailed { cause: cause.clone() }, EndReason::SandboxDied { cause }]
            {
                let sentence = reason.sentence();
                assert!(!sentence.contains('_') && sentence.contains("start the lab again"), "{sentence}");
            }
        }
    }
}
