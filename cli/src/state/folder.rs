//! The state folder itself.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Installation, Secret, reach, secrets};
use crate::failure::Failure;
use crate::process::{PidFile, User};
use crate::settings::{Environment, variables};

/// The folder that holds everything of one installation.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Opens the folder, and makes it where there is none.
    pub(crate) fn open(root: PathBuf) -> Result<Self, Failure> {
        let state = Self { root };
        // Others may walk through, for services that run as other users, but not look around.
        make(&state.root, 0o711)?;
        make(&state.path("secrets"), 0o700)?;
        make(&state.path("logs"), 0o711)?;
        make(&state.path("run"), 0o711)?;
        Ok(state)
    }

    /// The folder, if there is one already.
    pub(crate) fn existing(root: PathBuf) -> Option<Self> {
        root.join("run").is_dir().then_some(Self { root })
    }

    /// The folder's own path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path beneath the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the process with this name writes its output.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path("logs").join(format!("{name}.log"))
    }

    /// Where the process with this name is remembered.
    pub(crate) fn pid_file(&self, name: &str) -> PidFile {
        PidFile::new(&self.path("run"), name)
    }

    /// What was decided once for this installation.
    pub(crate) fn installation(&self) -> Result<Installation, Failure> {
        Installation::open(self.path("installation.json"))
    }

    /// Gives the installation's name to those who don't name one: on a shared engine or Redis, several installations must not take
    /// one another's things for their own.
    pub(crate) fn name_installation(&self, environment: &mut Environment) -> Result<(), Failure> {
        environment
            .set_default(&variables::REDIS_NAMESPACE, format!("containrlab-{}", self.installation()?.id()));
        Ok(())
    }

    /// A secret of this installation, made at the first call.
    pub(crate) fn secret(&self, secret: Secret) -> Result<String, Failure> {
        secrets::read_or_make(&self.path("secrets"), secret)
    }

    /// A folder that a service running as `user` can reach and write. Lies here if it can; else, when a folder above this one
    /// is closed to that user (a checkout in root's home is), beneath `/var/lib/containrlab`, which is then recorded.
    pub(crate) fn folder_for(&self, name: &str, user: Option<&User>) -> Result<PathBuf, Failure> {
        let Some(user) = user else {
            let path = self.path(name);
            make(&path, 0o700)?;
            return Ok(path);
        };
        let mut installation = self.installation()?;
        let path = if reach::can_walk_to(&self.root, user.uid, user.gid) {
            self.path(name)
        } else {
            let outside = Path::new("/var/lib/containrlab").join(installation.id());
            make(Path::new("/var/lib/containrlab"), 0o711)?;
            make(&outside, 0o711)?;
            installation.record_outside(&outside)?;
            outside.join(name)
        };
        make(&path, 0o700)?;
        chown(&path, Some(user.uid), Some(user.gid)).map_err(Failure::file(format!(
            "give {} to {}",
            path.display(),
            user.name
        )))?;
        Ok(path)
    }

    /// Takes a lock of this installation, or says that somebody else holds it. Held until the file is closed, so a killed process
    /// leaves none behind.
    pub(crate) fn lock(&self, name: &str, how: Lock) -> Result<Option<File>, Failure> {
        let path = self.path("run").join(format!("{name}.lock"));
        let doing = format!("lock {}", path.display());
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(Failure::file(&doing))?;
        Ok(take(&file, how).map_err(Failure::file(&doing))?.then_some(file))
    }
}

/// How a lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// With others who use the same thing.
    Shared,
    /// Alone.
    Alone,
}

/// Takes the lock on an open file without waiting. Says whether it was to be had.
fn take(file: &File, how: Lock) -> std::io::Result<bool> {
    let operation = match how {
        Lock::Shared => FlockOperation::NonBlockingLockShared,
        Lock::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn make(path: &Path, mode: u32) -> Result<(), Failure> {
    let doing = format!("make the folder {}", path.display());
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(Failure::file(&doing))?;
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Failure::file(&doing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path().join("state")).unwrap();
        (folder, state)
    }

    #[test]
    fn only_one_holds_a_lock_alone_and_several_share_one() {
        let (_folder, state) = state();
        let first = state.lock("up", Lock::Alone).unwrap().unwrap();
        assert!(state.lock("up", Lock::Alone).unwrap().is_none());
        assert!(state.lock("up", Lock::Shared).unwrap().is_none());
        drop(first);
        let first = state.lock("up", Lock::Shared).unwrap().unwrap();
        let second = state.lock("up", Lock::Shared).unwrap().unwrap();
        drop(first);
        assert!(state.lock("up", Lock::Alone).unwrap().is_none());
        drop(second);
        assert!(state.lock("up", Lock::Alone).unwrap().is_some());
    }

    #[test]
    fn secrets_stay_the_same_and_private() {
        let (_folder, state) = state();
        let made = state.secret(Secret::RunnerToken).unwrap();
        assert_eq!(state.secret(Secret::RunnerToken).unwrap(), made);
        assert_ne!(state.secret(Secret::RedisPassword).unwrap(), made);
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(state.path("secrets")), 0o700);
        assert_eq!(mode(state.path("secrets").join("runner-token")), 0o600);
    }

    #[test]
    fn without_another_user_a_service_lives_in_the_state_folder() {
        let (_folder, state) = state();
        assert_eq!(state.folder_for("postgres", None).unwrap(), state.path("postgres"));
        assert!(state.path("postgres").is_dir());
    }
}
