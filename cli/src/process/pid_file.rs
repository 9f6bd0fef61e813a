//! Remembers a process across calls of this program.

use std::path::{Path, PathBuf};

use super::Identity;
use crate::failure::Failure;

/// A file that names a process that this installation started.
#[derive(Debug, Clone)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// The file of the process with this name in a folder of pid files.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(format!("{name}.pid")) }
    }

    /// The process, if it still lives. A number that went to somebody else's process does not count.
    pub(crate) fn living(&self) -> Option<Identity> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        serde_json::from_str::<Identity>(&text).ok().filter(Identity::is_alive)
    }

    /// Writes the file whole or not at all.
    pub(crate) fn write(&self, identity: &Identity) -> Result<(), Failure> {
        let doing = || format!("write {}", self.path.display());
        let new = self.path.with_extension("new");
        let text = serde_json::to_string(identity).map_err(|error| Failure::Plain(error.to_string()))?;
        std::fs::write(&new, text).map_err(Failure::file(doing()))?;
        std::fs::rename(&new, &self.path).map_err(Failure::file(doing()))
    }

    /// Forgets the process.
    pub(crate) fn remove(&self) {
        // Already gone is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_found_again_and_a_foreign_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = PidFile::new(folder.path(), "me");
        assert_eq!(file.living(), None);
        let me = Identity::of_this_process().unwrap();
        file.write(&me).unwrap();
        assert_eq!(file.living(), Some(me));
        std::fs::write(folder.path().join("me.pid"), format!("{}", std::process::id())).unwrap();
        assert_eq!(file.living(), None);
        file.remove();
        assert!(!folder.path().join("me.pid").exists());
    }
}
