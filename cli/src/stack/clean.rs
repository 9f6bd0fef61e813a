//! `containrlab clean`: removes what this installation made, and nothing else.

use std::path::Path;

use super::{down, mounts};
use crate::commands;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::services::docker::{self, Engine};
use crate::settings::{Environment, Stack, variables};
use crate::state::{Lock, StateDir};

/// What the state folder may hold that is ours. Anything else in it is somebody else's and stays, and the folder with it.
const OURS: [&str; 10] =
    ["secrets", "logs", "run", "postgres", "redis", "docker", "runner", "test", "demo", "installation.json"];

/// Stops everything and removes the data, the sandboxes with their networks and volumes, and the images that were made here.
pub(crate) async fn clean(environment: &Environment) -> Result<(), Failure> {
    let stack = Stack::read(environment)?;
    let progress = Progress::new();
    if StateDir::existing(stack.state_dir.clone()).is_none() {
        progress.say("There is nothing to remove.");
        return Ok(());
    }
    down(environment).await?;
    let state = StateDir::open(stack.state_dir.clone())?;
    let Some(_lock) = state.lock("up", Lock::Alone)? else {
        return Err(Failure::Plain("Somebody started ContainrLab again. Run `make down`, then this once more.".into()));
    };
    remove_sandboxes(environment, &stack, &state, &progress).await?;
    for nested in ["test", "demo"].map(|name| state.path(name)) {
        if let Some(nested) = StateDir::existing(nested) {
            super::stop_all(&nested, &progress).await?;
            remove_outside(&nested)?;
        }
    }
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
    step.done(if left { "removed; the state folder stays, since it holds files that are not ours" } else { "removed" });
    Ok(())
}

/// Removes containers, networks and images by their labels: from the engine that the system used, if one can be reached. A
/// private engine's go with its data folder, but its networks' bridges would stay.
async fn remove_sandboxes(
    environment: &Environment,
    stack: &Stack,
    state: &StateDir,
    progress: &Progress,
) -> Result<(), Failure> {
    if !state.path("runner").exists() {
        return Ok(());
    }
    let step = progress.step("Sandboxes");
    let engine = match Engine::find_or_start(&stack.docker, state).await {
        Ok(engine) => engine,
        Err(failure) => {
            step.done(&format!("left alone: {failure}"));
            return Ok(());
        }
    };
    let mut environment = environment.clone();
    environment.set(&variables::DOCKER_HOST, &engine.host);
    state.name_installation(&mut environment)?;
    let removed = commands::sandboxes::remove_all(&environment).await;
    drop(engine);
    docker::stop_unused(state).await?;
    removed?;
    step.done("removed, with their volumes and images");
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

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(Failure::file(format!("remove {}", path.display())))
}
