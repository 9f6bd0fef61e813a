//! What a learner can have done in their sandbox by a button or an API call, beside typing it in the terminal.

use serde::{Deserialize, Serialize};

use super::SessionError;
use crate::job::JobKind;

/// Bytes that the words of one command may take together.
const COMMAND_LIMIT: usize = 16 * 1024;

/// A build, a run or a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// `docker build` of the workspace.
    Build {
        /// The tag that the image gets.
        tag: String,
    },
    /// `docker run` of an image, in the background.
    Run {
        /// The image.
        image: String,
        /// Ports to publish, as (port of the sandbox, port of the container).
        ports: Vec<(u16, u16)>,
    },
    /// Any command, run as the learner in the workspace.
    Exec {
        /// The command and its arguments; no shell in between.
        argv: Vec<String>,
        /// Seconds after which it is stopped.
        timeout_seconds: u64,
    },
}

impl Work {
    /// The kind of job that does it.
    pub fn job_kind(&self) -> JobKind {
        match self {
            Self::Build { .. } => JobKind::Build,
            Self::Run { .. } => JobKind::Run,
            Self::Exec { .. } => JobKind::Exec,
        }
    }

    /// Refuses what could only fail, or what could be taken for an option of docker's.
    ///
    /// # Errors
    /// [`SessionError::InvalidWork`] with a sentence.
    pub fn validate(&self) -> Result<(), SessionError> {
        let invalid = |sentence: &str| Err(SessionError::InvalidWork(sentence.to_owned()));
        match self {
            Self::Build { tag: image } | Self::Run { image, .. } if !is_image_reference(image) => {
                invalid("an image is named like app, app:dev or team/app:1.0, in lower case")
            }
            Self::Run { ports, .. } if ports.len() > 16 => invalid("at most 16 ports can be published"),
            Self::Run { ports, .. } if ports.iter().any(|(host, inner)| *host == 0 || *inner == 0) => {
                invalid("a port is a number from 1 to 65535")
            }
            Self::Exec { argv, .. } if argv.first().is_none_or(String::is_empty) => {
                invalid("a command needs at least the name of a program")
            }
            Self::Exec { argv, .. } if argv.iter().map(String::len).sum::<usize>() > COMMAND_LIMIT => {
                invalid("a command may take 16 KiB at most; put a longer one into a script")
            }
            Self::Exec { argv, .. } if argv.iter().any(|word| word.contains('\0')) => {
                invalid("a command cannot hold a NUL character")
            }
            Self::Exec { timeout_seconds, .. } if !(1..=600).contains(timeout_seconds) => {
                invalid("a command may run 1 to 600 seconds")
            }
            _ => Ok(()),
        }
    }
}

/// Whether this could be an image reference, roughly as the distribution specification has it; the engine has the
/// last word, this only keeps out what could be taken for an option or could not be printed.
fn is_image_reference(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    (1..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_name_cannot_be_an_option() {
        for good in ["app", "app:dev", "team/app:1.0", "localhost:5000/app@sha256:00"] {
            assert!(Work::Build { tag: good.to_owned() }.validate().is_ok(), "{good}");
        }
        for bad in ["", "--privileged", "-v", "App", "a b", "a;b", "a\n"] {
            assert!(Work::Build { tag: bad.to_owned() }.validate().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_command_has_a_program_and_bounds() {
        let exec = |argv: &[&str], timeout_seconds| Work::Exec {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            timeout_seconds,
        };
        assert!(exec(&["ls", "-l"], 10).validate().is_ok());
        assert!(exec(&[], 10).validate().is_err());
        assert!(exec(&[""], 10).validate().is_err());
        assert!(exec(&["ls", "a\0b"], 10).validate().is_err());
        assert!(exec(&["ls"], 0).validate().is_err());
        assert!(exec(&["ls", &"x".repeat(17_000)], 10).validate().is_err());
    }
}
