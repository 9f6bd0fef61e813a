//! `containrlab images build`, and the same as a step of others; `containrlab images list`.

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

/// Prints the images that are there, one a line, and with `packages` what each was made of beneath it.
pub(crate) async fn list(environment: &Environment, packages: bool) -> Result<(), Failure> {
    let images = |error: containrlab_workers::sandbox::SandboxError| Failure::Images(error.to_string());
    let sandboxes = Sandboxes::connect(crates::sandboxes(environment)?).await.map_err(images)?;
    for image in sandboxes.images().recorded(packages).await.map_err(images)? {
        let megabytes = image.bytes.div_ceil(1_000_000);
        println!("{:<28} {:<44} {megabytes:>5} MB  {}", image.name, image.reference, image.id);
        for (name, version) in image.packages {
            println!("  {name} {version}");
        }
    }
    Ok(())
}
