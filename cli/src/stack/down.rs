//! Stops what runs, from wherever.

use std::time::Duration;

use rustix::process::Signal;

use super::engine_used::EngineUsed;
use super::mounts;
use crate::commands;
use crate::failure::Failure;
use crate::process::Running;
use crate::progress::Progress;
use crate::services::{Ready, docker};
use crate::settings::{Environment, Stack};
use crate::state::StateDir;

/// How long each process may take to stop by itself. The runner finishes what runs, which may be a learner's build.
const ORDER: [(&str, &str, Signal, Duration); 2] = [
    ("runner", "Runner", Signal::TERM, Duration::from_secs(60)),
    ("api", "API", Signal::TERM, Duration::from_secs(30)),
];
const DATABASES: [(&str, &str, Signal, Duration); 2] = [
    ("redis", "Redis", Signal::TERM, Duration::from_secs(30)),
    // "Fast" shutdown: doesn't wait for clients to leave.
    ("postgres", "PostgreSQL", Signal::INT, Duration::from_secs(30)),
];

/// `containrlab down`: asks the `up` of this state folder to stop, and stops what an `up` that was killed left behind.
pub(crate) async fn down(environment: &Environment) -> Result<(), Failure> {
    let stack = Stack::read(environment)?;
    let progress = Progress::new();
    let Some(state) = StateDir::existing(stack.state_dir) else {
        progress.say("Nothing runs here.");
        return Ok(());
    };
    let mut stopped = false;
    if let Some(up) = state.pid_file("up").living().and_then(Running::open) {
        let step = progress.step("containrlab up");
        up.signal(Signal::TERM);
        // Longer than everything that it stops may take together.
        if !up.ended_within(Duration::from_secs(240)).await {
            return Err(Failure::Plain(format!(
                "`containrlab up` (process {}) does not stop. Look at {}, or end it with: kill -9 {}; then run this again.",
                up.identity.pid,
                state.path("logs").display(),
                up.identity.pid
            )));
        }
        step.done("stopped, with all that it started");
        stopped = true;
    }
    stopped |= stop_all(environment, &state, &progress).await?;
    progress.say(if stopped { "All stopped. The data is kept." } else { "Nothing runs here." });
    Ok(())
}

/// Stops every process that this state folder remembers, in the order in which they need one another. Says whether there were
/// any.
pub(crate) async fn stop_all(
    environment: &Environment,
    state: &StateDir,
    progress: &Progress,
) -> Result<bool, Failure> {
    let mut stopped = false;
    for (name, title, signal, grace) in ORDER {
        stopped |= stop(state, progress, name, title, signal, grace).await;
    }
    stopped |= halt_sandboxes(environment, state, progress).await;
    if state.pid_file("docker").living().is_some() {
        let step = progress.step("Docker engine");
        let alone = docker::stop_unused(state).await?;
        stopped |= alone;
        step.done(if alone { "stopped" } else { "left running for a test that uses it" });
    }
    // The volumes' file system. Another command may still use it (a test on the same engine); then it stays.
    let _ = mounts::release(&state.path("runner"));
    for (name, title, signal, grace) in DATABASES {
        stopped |= stop(state, progress, name, title, signal, grace).await;
    }
    state.pid_file("up").remove();
    let _ = std::fs::remove_file(state.path("run").join("url"));
    Ok(stopped)
}

/// The runner leaves sandboxes running, since it may come back in a moment; the whole system does not. Their volumes stay. Says
/// whether there were any.
async fn halt_sandboxes(environment: &Environment, state: &StateDir, progress: &Progress) -> bool {
    let Some(used) = EngineUsed::recall(state) else { return false };
    let answers = Ready::Docker { host: used.docker_host().to_owned() }.is().await;
    // An engine that is away has no running sandboxes, or none that can be reached.
    if !answers {
        return false;
    }
    let step = progress.step("Sandboxes");
    match commands::sandboxes::halt(&used.environment(state, environment)).await {
        Ok(0) => false,
        Ok(count) => {
            step.done(&format!("{count} stopped"));
            true
        }
        Err(failure) => {
            step.done(&format!("may still run: {failure}"));
            false
        }
    }
}

pub(super) async fn stop(
    state: &StateDir,
    progress: &Progress,
    name: &str,
    title: &str,
    signal: Signal,
    grace: Duration,
) -> bool {
    let pid_file = state.pid_file(name);
    let Some(running) = pid_file.living().and_then(Running::open) else {
        pid_file.remove();
        return false;
    };
    let step = progress.step(title);
    let by_itself = running.stop(signal, grace).await;
    pid_file.remove();
    step.done(if by_itself { "stopped" } else { "took too long and was killed" });
    true
}
