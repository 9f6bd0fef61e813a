//! `containrlab up`: brings everything up, stays while it runs, and takes it down again.

use std::time::{Duration, Instant};

use super::{System, stop_all};
use crate::failure::Failure;
use crate::process::{Identity, signals::Stops};
use crate::progress::{Progress, seconds};
use crate::settings::{Environment, Listen, Stack};
use crate::state::{Lock, StateDir};

/// Runs until it is stopped. A second call while the first runs says so and ends well.
pub(crate) async fn up(environment: &Environment) -> Result<(), Failure> {
    let stack = Stack::read(environment)?;
    let state = StateDir::open(stack.state_dir.clone())?;
    let progress = Progress::new();
    let Some(_lock) = only_one(&state, &progress).await? else { return Ok(()) };
    let mut stops = Stops::listen()?;
    let mut system = None;
    let outcome = tokio::select! {
        outcome = run(environment, &stack, &state, &progress, &mut system) => outcome,
        _ = stops.next() => {
            progress.say("Stopping. The data is kept.");
            Ok(())
        }
    };
    if let Some(system) = system {
        system.let_go().await;
    }
    // Everything is found by its pid file, whatever had been started. Further signals are heard by `stops` and change
    // nothing: half a stop would leave more behind than a whole one.
    stop_all(environment, &state, &progress).await?;
    outcome
}

/// Takes the lock by which only one `up` runs on a state folder. If another one runs already, says where.
async fn only_one(state: &StateDir, progress: &Progress) -> Result<Option<std::fs::File>, Failure> {
    loop {
        if let Some(lock) = state.lock("up", Lock::Alone)? {
            return Ok(Some(lock));
        }
        let step = progress.step("Another `up` starts");
        let running = find_running(state).await?;
        drop(step);
        if let Some(url) = running {
            progress.say(&format!("ContainrLab is already running: {url}"));
            return Ok(None);
        }
    }
}

/// Runs until something dies for good.
async fn run(
    environment: &Environment,
    stack: &Stack,
    state: &StateDir,
    progress: &Progress,
    system: &mut Option<System>,
) -> Result<(), Failure> {
    let started = Instant::now();
    progress.say("ContainrLab starts.");
    if let Some(me) = Identity::of_this_process() {
        state.pid_file("up").write(&me)?;
    }
    let system = system.insert(start(environment, stack, state, progress).await?);
    progress.say(&format!(
        "\nContainrLab is ready after {}: {}\nLogs are in {}. Ctrl-C or `make down` stops it and keeps the data.",
        seconds(started.elapsed()),
        system.url,
        state.path("logs").display(),
    ));
    Err(system.given_up().await)
}

/// Brings the system up, after what an `up` that was killed left behind is out of the way.
pub(crate) async fn start(
    environment: &Environment,
    stack: &Stack,
    state: &StateDir,
    progress: &Progress,
) -> Result<System, Failure> {
    stop_processes_of_ours(state, progress).await;
    must_be_free(stack.api)?;
    let system = System::start(environment, stack, state, progress).await?;
    let url = state.path("run").join("url");
    std::fs::write(&url, &system.url).map_err(Failure::file(format!("write {}", url.display())))?;
    Ok(system)
}

/// Databases and engine that were left running are taken over; api and runner are not, since they may be of an older build.
async fn stop_processes_of_ours(state: &StateDir, progress: &Progress) {
    for (name, title) in [("runner", "Old runner"), ("api", "Old API")] {
        super::down::stop(
            state,
            progress,
            name,
            title,
            rustix::process::Signal::TERM,
            Duration::from_secs(60),
        )
        .await;
    }
    let _ = std::fs::remove_file(state.path("run").join("url"));
}

/// Says early that the port is taken, before minutes go by with other things.
fn must_be_free(listen: Listen) -> Result<(), Failure> {
    match std::net::TcpListener::bind(listen.address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Err(Failure::PortTaken { variable: listen.variable, address: listen.address })
        }
        Err(source) => Err(Failure::Listen { variable: listen.variable, address: listen.address, source }),
    }
}

/// The URL of the `up` that runs on this state folder; waits while it still starts. None if none runs.
pub(crate) async fn find_running(state: &StateDir) -> Result<Option<String>, Failure> {
    const LONGEST: Duration = Duration::from_secs(900);
    let started = Instant::now();
    loop {
        // Whoever gets the lock knows that no `up` runs; it is given back at once.
        if state.lock("up", Lock::Shared)?.is_some() {
            return Ok(None);
        }
        if let Ok(url) = std::fs::read_to_string(state.path("run").join("url")) {
            return Ok(Some(url));
        }
        if started.elapsed() > LONGEST {
            return Err(Failure::Plain(format!(
                "Another `containrlab up` has been starting for {}. Look at {}, or stop it with `make down`.",
                seconds(started.elapsed()),
                state.path("logs").display()
            )));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
