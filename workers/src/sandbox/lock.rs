//! One process at a time prepares or clears a machine.

use std::fs::File;
use std::path::Path;

use rustix::fs::FlockOperation;

use super::SandboxError;

/// Held until it is dropped, also by a process that dies.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Waits until no other process prepares anything in this state folder.
pub(super) async fn exclusive(state_dir: &Path) -> Result<Lock, SandboxError> {
    let path = state_dir.join("sandboxes.lock");
    let wrong = |error| SandboxError::storage("lock", &path, error);
    std::fs::create_dir_all(state_dir).map_err(wrong)?;
    let file = File::create(&path).map_err(wrong)?;
    tokio::task::spawn_blocking(move || {
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map(|()| Lock(file))
    })
    .await
    .unwrap_or(Err(rustix::io::Errno::INTR))
    .map_err(|error| wrong(error.into()))
}
