//! `containrlab images build`, and the same as a step of others.

use containrlab_workers::images::Progress;
use containrlab_workers::sandbox::Sandboxes;

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// Makes what sandboxes start from: images, and the volume that theirs are copied from. Says what came of it.
pub(crate) async fn ensure(
    environment: &Environment,
    fresh: bool,
    progress: Progress<'_>,
) -> Result<String, Failure> {
    let images = |error: containrlab_workers::sandbox::SandboxError| Failure::Images(error.to_string());
    let sandboxes = Sandboxes::connect(crates::sandboxes(environment)?).await.map_err(images)?;
    if fresh {
        sandboxes.rebuild_images(progress).await.map_err(images)?;
    } else {
        sandboxes.prepare(progress).await.map_err(images)?;
    }
    Ok(if sandboxes.has_disk_quota() {
        "are ready".into()
    } else {
        "are ready; without btrfs, so sandboxes have no disk quota here".into()
    })
}
