//! Removing all sandboxes, for `clean`.

use containrlab_workers::sandbox::Sandboxes;

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// Removes what this installation made on its engine: sandboxes, volumes, network, and images that nobody else uses.
pub(crate) async fn remove_all(environment: &Environment) -> Result<(), Failure> {
    let wrong = |error: containrlab_workers::sandbox::SandboxError| Failure::Plain(format!("The sandboxes can't be removed: {error}."));
    let sandboxes = Sandboxes::connect(crates::sandboxes(environment)?).await.map_err(wrong)?;
    sandboxes.clean().await.map_err(wrong)?;
    sandboxes.remove_images().await.map_err(wrong)
}
