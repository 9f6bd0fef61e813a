//! The settings that this program itself needs, as plain structs.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::variables::{
    API_LISTEN, DATABASE_URL, DOCKER_HOST, LOG_FORMAT, PUBLIC_URL, REDIS_URL, RUST_LOG, STATE_DIR,
};
use super::{Environment, SettingError};

/// How log lines are written.
#[derive(Debug)]
pub(crate) struct Logging {
    /// Whether each line is a JSON object.
    pub(crate) json: bool,
    /// Which lines are written.
    pub(crate) filter: String,
}

impl Logging {
    pub(crate) fn read(environment: &Environment) -> Result<Self, SettingError> {
        let json = match environment.text(&LOG_FORMAT) {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => {
                return Err(SettingError::new(&LOG_FORMAT, format!("is \"{other}\""), "Say text or json."));
            }
        };
        Ok(Self { json, filter: environment.text(&RUST_LOG).unwrap_or("info").to_owned() })
    }
}

/// Where a process listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen {
    /// The variable that says so, for the sentence when the port is taken.
    pub(crate) variable: &'static str,
    /// The address itself; port 0 takes a free one.
    pub(crate) address: SocketAddr,
}

/// Which Docker engine is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Docker {
    /// The engine that `DOCKER_HOST` names, if it names one.
    pub(crate) host: Option<String>,
}

impl Docker {
    pub(crate) fn read(environment: &Environment) -> Result<Self, SettingError> {
        Ok(Self { host: environment.url(&DOCKER_HOST, &["unix", "tcp", "http"])? })
    }
}

/// What `up` and its relatives decide from.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// The state folder, absolute.
    pub(crate) state_dir: PathBuf,
    /// A PostgreSQL of somebody else's, instead of a private one.
    pub(crate) database_url: Option<String>,
    /// A Redis of somebody else's, instead of a private one.
    pub(crate) redis_url: Option<String>,
    /// The Docker engine.
    pub(crate) docker: Docker,
    /// Where the pages are served.
    pub(crate) api: Listen,
    /// Whether the system is on a network, where nobody may sign in with a mere name.
    pub(crate) public: bool,
}

impl Stack {
    pub(crate) fn read(environment: &Environment) -> Result<Self, SettingError> {
        Ok(Self {
            state_dir: state_dir(environment)?,
            database_url: environment.url(&DATABASE_URL, &["postgres", "postgresql"])?,
            redis_url: environment.url(&REDIS_URL, &["redis", "rediss", "redis+unix", "unix"])?,
            docker: Docker::read(environment)?,
            api: Listen {
                variable: API_LISTEN.name,
                address: environment.address(&API_LISTEN, API_LISTEN.default)?,
            },
            public: environment.url(&PUBLIC_URL, &["http", "https"])?.is_some(),
        })
    }
}

/// The state folder, made absolute so that children with another working folder find it too.
pub(super) fn state_dir(environment: &Environment) -> Result<PathBuf, SettingError> {
    let path = environment.path(&STATE_DIR).unwrap_or_else(|| STATE_DIR.default.into());
    std::path::absolute(&path).map_err(|error| {
        SettingError::new(&STATE_DIR, format!("is no usable path ({error})"), "Give the path of a folder.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_absolute() {
        let environment = [("STATE_DIR".to_owned(), "some/where".to_owned())].into_iter().collect();
        let stack = Stack::read(&environment).unwrap();
        assert!(stack.state_dir.is_absolute() && stack.state_dir.ends_with("some/where"));
    }

    #[test]
    fn an_unknown_log_format_is_refused() {
        let environment = [("LOG_FORMAT".to_owned(), "xml".to_owned())].into_iter().collect();
        assert_eq!(
            Logging::read(&environment).unwrap_err().to_string(),
            "LOG_FORMAT is \"xml\". Say text or json."
        );
    }
}
