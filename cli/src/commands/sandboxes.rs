//! What `up`'s relatives do with all sandboxes at once.

use containrlab_workers::sandbox::{SandboxError, Sandboxes};

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// Stops the sandboxes of this installation and keeps their volumes. Says how many ran.
pub(crate) async fn halt(environment: &Environment) -> Result<usize, Failure> {
    let wrong = |error: SandboxError| Failure::Plain(format!("The sandboxes can't be stopped: {error}."));
    let sandboxes = Sandboxes::connect(crates::sandboxes(environment)?).await.map_err(wrong)?;
    sandboxes.halt().await.map_err(wrong)
}

/// Removes what this installation made on its engine: sandboxes, volumes, network, and (unless they are kept) the images, which
/// other installations on the same engine may be using.
pub(crate) async fn remove_all(environment: &Environment, keep_images: bool) -> Result<(), Failure> {
    let wrong = |error: SandboxError| Failure::Plain(format!("The sandboxes can't be removed: {error}."));
    let sandboxes = Sandboxes::connect(crates::sandboxes(environment)?).await.map_err(wrong)?;
    sandboxes.clean().await.map_err(wrong)?;
    if keep_images { Ok(()) } else { sandboxes.remove_images().await.map_err(wrong) }
}
