//! `containrlab clean`: removes what this installation made, and nothing else.

use std::path::Path;

use super::engine_used::EngineUsed;
use super::{down, mounts};
use crate::commands;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::services::docker::{self, Engine};
use crate::settings::{Environment, Stack};
use crate::state::{Lock, StateDir};

/// What the state folder may hold that is ours. Anything else in it is somebody else's and stays, and the folder with it.
const OURS: [&str; 11] = [
    "secrets",
    "logs",
    "run",
    "postgres",
    "redis",
    "docker",
    "runner",
    "test",
    "bench",
    "engine-used.json",
    "installation.json",
];

/// Stops everything and removes the data, the sandboxes with their networks and volumes, and the images that were made here.
pub(crate) async fn clean(environment: &Environment, keep_images: bool) -> Result<(), Failure> {
    let stack = Stack::read(environment)?;
    let progress = Progress::new();
    if StateDir::existing(stack.state_dir.clone()).is_none() {
        progress.say("There is nothing to remove.");
        return Ok(());
    }
    down(environment).await?;
    let state = StateDir::open(stack.state_dir.clone())?;
    let Some(_lock) = state.lock("up", Lock::Alone)? else {
        return Err(Failure::Plain(
            "Somebody started ContainrLab again. Run `make down`, then this once more.".into(),
        ));
    };
    remove_sandboxes(environment, &state, keep_images, &progress).await?;
    for nested in ["test", "bench", crate::bench::HOUSE].map(|name| state.path(name)) {
        if let Some(nested) = StateDir::existing(nested) {
            super::stop_all(environment, &nested, &progress).await?;
            remove_outside(&nested)?;
        }
    }
    docker::remove_bridges(&state)?;
    let step = progress.step("Mounts");
    let mounts = mounts::release(state.root())?;
    step.done(&format!("{mounts} released"));
    let step = progress.step("Files");
    remove_outside(&state)?;
    for name in OURS {
        remove(&state.path(name))?;
    }
    // Stays if somebody put something of their own into it.
    let left = std::fs::remove_dir(state.root()).is_err();
    step.done(if left {
        "removed; the state folder stays, since it holds files that are not ours"
    } else {
        "removed"
    });
    Ok(())
}

/// Removes containers, volumes, networks and images by their labels from the engine that the latest `up` used. A private engine is
/// started for it: its containers would go with its data folder, but its networks' bridges would stay.
async fn remove_sandboxes(
    environment: &Environment,
    state: &StateDir,
    keep_images: bool,
    progress: &Progress,
) -> Result<(), Failure> {
    let Some(used) = EngineUsed::recall(state) else { return Ok(()) };
    let step = progress.step("Sandboxes");
    let private = used.docker_host() == docker::private_host(state)?;
    let engine = if private { Some(Engine::private(state).await?) } else { None };
    // A private engine's images go with its folder, all at once.
    let keep_images = keep_images || private;
    let removed = commands::sandboxes::remove_all(&used.environment(state, environment), keep_images).await;
    drop(engine);
    docker::stop_unused(state).await?;
    match removed {
        Ok(()) => step.done("removed, with their volumes"),
        Err(failure) => {
            return Err(Failure::Plain(format!(
                "{failure} Start the Docker engine at {}, and run this again.",
                used.docker_host()
            )));
        }
    }
    Ok(())
}

/// Removes the folders elsewhere that the installation recorded.
fn remove_outside(state: &StateDir) -> Result<(), Failure> {
    for folder in state.installation()?.outside() {
        mounts::release(folder)?;
        remove(folder)?;
    }
    Ok(())
}

/// Removes a file, a link or a folder with all that is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(Failure::file(format!("remove {}", path.display())))
}
