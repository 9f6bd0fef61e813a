//! Volumes as plain folders, for hosts without btrfs: slow to start and without a quota, but the same to everybody else.

use std::path::Path;

use crate::sandbox::{SandboxError, host};

/// An empty volume.
pub(super) fn create(path: &Path) -> Result<(), SandboxError> {
    std::fs::create_dir(path).map_err(|error| SandboxError::storage("make", path, error))
}

/// A copy, owners, modes, device nodes and extended attributes included: the engine's layers need them all. On a file system
/// that shares blocks between files the copy takes no room.
pub(super) async fn copy(from: &Path, to: &Path) -> Result<(), SandboxError> {
    let arguments = ["--archive".as_ref(), "--reflink=auto".as_ref(), from.as_os_str(), to.as_os_str()];
    host::run("cp", &arguments).await.map(drop)
}

/// Deletes a volume, never following a link that a learner may have laid.
pub(super) async fn delete(path: &Path) -> Result<(), SandboxError> {
    let doomed = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::remove_dir_all(&doomed))
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| SandboxError::storage("delete", path, error))
}
