//! Why a command ends early, in words for the person who called it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::settings::SettingError;

/// Everything that can end a command. Each variant says what is wrong and what to do about it; the program prints
/// that sentence and exits with a code other than 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A setting is missing or can't be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Somebody else listens on our port.
    #[error(
        "Port {} on {} is taken by another program. Stop that program, or choose another port with {variable}={}:{}.",
        address.port(), address.ip(), bracketed(*address), address.port().wrapping_add(1).max(1024)
    )]
    PortTaken {
        /// The variable that sets the port.
        variable: &'static str,
        /// The address that was wanted.
        address: SocketAddr,
    },
    /// An address can't be listened on for another reason.
    #[error("Can't listen on {address}: {source}. Choose an address of this machine with {variable}.")]
    Listen {
        /// The variable that sets the address.
        variable: &'static str,
        /// The address that was wanted.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program that has to be installed is not there.
    #[error(
        "{program} is not installed. Install it with: apt-get install {package} (or run cli/scripts/install.sh)"
    )]
    ProgramMissing {
        /// What is missing.
        program: &'static str,
        /// Debian's package that holds it.
        package: &'static str,
    },
    /// No Docker engine answers, and none can be started.
    #[error("{problem}. {mend}")]
    Docker {
        /// What was found.
        problem: String,
        /// What to do.
        mend: String,
    },
    /// PostgreSQL or Redis has trouble; the store's sentence says which and what to do.
    #[error("{}.", capitalized(.0))]
    Store(#[from] containrlab_store::StoreError),
    /// Something that this program started ended on its own, or never became ready.
    #[error("{name} {what}. Its log is {}{}", log.display(), tail(log))]
    Child {
        /// What it is, for people.
        name: &'static str,
        /// What happened to it.
        what: String,
        /// Where its output lies.
        log: PathBuf,
    },
    /// A file or folder of ours can't be used.
    #[error("Can't {doing}: {source}. Check that the folder is yours and that its disk has room.")]
    File {
        /// What was attempted.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The api ended with an error.
    #[error("The api ended: {0}")]
    Api(String),
    /// The runner ended with an error.
    #[error("The runner ended: {0}")]
    Runner(String),
    /// The images can't be made.
    #[error("The images can't be made: {0}")]
    Images(String),
    /// The server answered what a client of ours did not expect.
    #[error("{0}")]
    Client(String),
    /// The command can't be meant as it was given.
    #[error("{0}")]
    Usage(String),
    /// Some other plain sentence.
    #[error("{0}")]
    Plain(String),
}

/// The exit code of a command that was called wrongly (EX_USAGE of sysexits.h).
pub(crate) const USAGE: u8 = 64;

impl Failure {
    /// What the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { USAGE } else { 1 }
    }

    /// For `map_err` on operations on our own files: `doing` goes on after "Can't".
    pub(crate) fn file(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::File { doing, source }
    }
}

/// An error of another crate at the beginning of a sentence.
fn capitalized(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// An IP address as it stands before a port.
fn bracketed(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// The last lines of a log, so that the reason stands on the screen and not only in a file.
fn tail(log: &Path) -> String {
    const LINES: usize = 12;
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return " (empty).".into();
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!(", which ends with:\n  | {}", last.join("\n  | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_the_setting_and_another_port() {
        let failure =
            Failure::PortTaken { variable: "API_LISTEN", address: "127.0.0.1:8000".parse().unwrap() };
        assert_eq!(
            failure.to_string(),
            "Port 8000 on 127.0.0.1 is taken by another program. \
             Stop that program, or choose another port with API_LISTEN=127.0.0.1:8001."
        );
    }

    #[test]
    fn the_last_lines_of_a_log_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        std::fs::write(&log, (1..=20).map(|line| format!("line {line}\n")).collect::<String>()).unwrap();
        let failure = Failure::Child { name: "Redis", what: "ended".into(), log };
        let text = failure.to_string();
        assert!(text.contains("line 20") && text.contains("line 9") && !text.contains("line 8\n"), "{text}");
    }
}
