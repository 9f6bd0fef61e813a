//! What was decided once for an installation and stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// An installation's name and its choices, kept in `installation.json`.
#[derive(Debug)]
pub(crate) struct Installation {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Content {
    /// Eight hexadecimal digits that tell this installation's containers and networks from others'.
    id: String,
    /// Free choices by name, such as ports.
    #[serde(default)]
    chosen: BTreeMap<String, String>,
    /// Folders outside the state folder that are ours.
    #[serde(default)]
    outside: BTreeSet<PathBuf>,
}

/// What can be remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Remembered {
    /// The private PostgreSQL's port.
    PostgresPort,
    /// The private Redis's port.
    RedisPort,
    /// The addresses of the private Docker engine's networks.
    DockerNetwork,
}

impl Remembered {
    fn key(self) -> &'static str {
        match self {
            Self::PostgresPort => "postgres_port",
            Self::RedisPort => "redis_port",
            Self::DockerNetwork => "docker_network",
        }
    }
}

impl Installation {
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let doing = format!("read {}", path.display());
        match std::fs::read(&path) {
            Ok(bytes) => {
                let content = serde_json::from_slice(&bytes)
                    .map_err(std::io::Error::other)
                    .map_err(Failure::file(doing))?;
                Ok(Self { path, content })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let id = format!("{:08x}", rand::random::<u32>());
                let installation = Self { path, content: Content { id, ..Content::default() } };
                installation.save()?;
                Ok(installation)
            }
            Err(error) => Err(Failure::file(doing)(error)),
        }
    }

    /// The installation's name.
    pub(crate) fn id(&self) -> &str {
        &self.content.id
    }

    /// A choice, if it was made before.
    pub(crate) fn recall(&self, what: Remembered) -> Option<&str> {
        self.content.chosen.get(what.key()).map(String::as_str)
    }

    /// Makes a choice for later.
    pub(crate) fn remember(&mut self, what: Remembered, value: String) -> Result<(), Failure> {
        if self.recall(what) == Some(&value) {
            return Ok(());
        }
        self.content.chosen.insert(what.key().into(), value);
        self.save()
    }

    /// Records a folder outside the state folder, for `clean`.
    pub(crate) fn record_outside(&mut self, folder: &Path) -> Result<(), Failure> {
        if self.content.outside.insert(folder.to_owned()) { self.save() } else { Ok(()) }
    }

    /// The folders outside the state folder that are ours.
    pub(crate) fn outside(&self) -> impl Iterator<Item = &Path> {
        self.content.outside.iter().map(PathBuf::as_path)
    }

    fn save(&self) -> Result<(), Failure> {
        let doing = || format!("write {}", self.path.display());
        let text = serde_json::to_string_pretty(&self.content)
            .map_err(std::io::Error::other)
            .map_err(Failure::file(doing()))?;
        let new = self.path.with_extension(format!("new-{}", std::process::id()));
        std::fs::write(&new, text + "\n").map_err(Failure::file(doing()))?;
        std::fs::rename(&new, &self.path).map_err(Failure::file(doing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_and_the_name_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("installation.json");
        let mut first = Installation::open(path.clone()).unwrap();
        first.remember(Remembered::RedisPort, "4711".into()).unwrap();
        first.record_outside(Path::new("/var/lib/containrlab/x")).unwrap();
        let second = Installation::open(path).unwrap();
        assert_eq!(second.id(), first.id());
        assert_eq!(second.recall(Remembered::RedisPort), Some("4711"));
        assert_eq!(second.recall(Remembered::PostgresPort), None);
        assert_eq!(second.outside().collect::<Vec<_>>(), [Path::new("/var/lib/containrlab/x")]);
    }
}
