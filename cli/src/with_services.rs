//! `containrlab with-services`: runs a command with private databases, and stops them after it. For tests.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::commands;
use crate::failure::Failure;
use crate::process::signals::Stops;
use crate::progress::Progress;
use crate::services::docker::{self, Engine};
use crate::services::postgres::Durability;
use crate::services::programs;
use crate::settings::{Environment, Stack, variables};
use crate::stack::{start_databases, stop_all};
use crate::state::{Lock, StateDir};

/// What the command needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Also start (or find) a Docker engine
    #[arg(long)]
    docker: bool,
    /// Also make the images that sandboxes and labs start from; needs an engine
    #[arg(long, requires = "docker")]
    images: bool,
    /// Where the databases keep their data [default: STATE_DIR/test]
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs the command and gives the exit code that it ended with; 128 and the signal's number if a signal ended it, as shells do.
pub(crate) async fn with_services(environment: &Environment, wanted: Wanted) -> Result<u8, Failure> {
    let stack = Stack::read(environment)?;
    // The engine is shared with `up`: its images take minutes to make, and two engines on one machine disturb each other's
    // firewall rules.
    let main = StateDir::open(stack.state_dir.clone())?;
    let folder = wanted.state_dir.clone().unwrap_or_else(|| main.path("test"));
    let state = StateDir::open(std::path::absolute(folder).map_err(Failure::file("find the state folder"))?)?;
    let Some(_lock) = state.lock("with-services", Lock::Alone)? else {
        return Err(Failure::Plain(format!(
            "Another `containrlab with-services` uses {}. Wait for it, or give another folder with --state-dir.",
            state.root().display()
        )));
    };
    let mut stops = Stops::listen()?;
    let progress = Progress::aside();
    // What a run that was killed left behind.
    stop_all(environment, &state, &progress).await?;
    let outcome = async {
        let (environment, engine) = tokio::select! {
            prepared = prepare(environment, &stack, &main, &state, &wanted, &progress) => prepared?,
            signal = stops.next() => return Ok(code_of_signal(signal)),
        };
        let outcome = run(&wanted.command, &environment, &state, &mut stops).await;
        // Given up before the engine is stopped: only one that nobody uses is.
        drop(engine);
        outcome
    }
    .await;
    stop_all(environment, &state, &progress).await?;
    docker::stop_unused(&main).await?;
    outcome
}

async fn prepare(
    environment: &Environment,
    stack: &Stack,
    main: &StateDir,
    state: &StateDir,
    wanted: &Wanted,
    progress: &Progress,
) -> Result<(Environment, Option<Engine>), Failure> {
    let engine = async {
        if !wanted.docker {
            return Ok(None);
        }
        let step = progress.step("Docker engine");
        let engine = Engine::find_or_start(&stack.docker, main).await?;
        step.done(engine.origin);
        Ok(Some(engine))
    };
    let databases = start_databases(stack, state, Durability::Thrown, progress);
    let (databases, engine) = tokio::try_join!(databases, engine)?;
    let mut environment = environment.clone();
    environment.set(&variables::DATABASE_URL, databases.database_url);
    environment.set(&variables::REDIS_URL, databases.redis_url);
    if let Some(engine) = &engine {
        environment.set(&variables::DOCKER_HOST, &engine.host);
    }
    environment.set(&variables::STATE_DIR, state.root().display().to_string());
    state.name_installation(&mut environment)?;
    if wanted.images {
        let step = progress.step("Images");
        let outcome = commands::images::ensure(&environment, false, &|line| step.note(line)).await?;
        step.done(&outcome);
    }
    Ok((environment, engine))
}

/// Runs the command to its end; a signal for us is handed on to it.
async fn run(
    command: &[OsString],
    environment: &Environment,
    state: &StateDir,
    stops: &mut Stops,
) -> Result<u8, Failure> {
    let [program, arguments @ ..] = command else { return Ok(0) };
    // With a terminal it stays in our process group, so that it may read from it; without, it gets a group of its own, so
    // that a signal reaches what it started too (cargo leaves the test that it runs behind).
    let interactive = std::io::stdin().is_terminal();
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env("CONTAINRLAB_TEST_STATE_DIR", state.path("runner"));
    for variable in [&variables::DATABASE_URL, &variables::REDIS_URL, &variables::DOCKER_HOST] {
        if let Some(value) = environment.text(variable) {
            command.env(variable.name, value);
        }
    }
    for (variable, program) in [("CHROMEDRIVER", "chromedriver"), ("CHROMIUM", "chromium")] {
        if let Some(path) =
            programs::find(program, program).ok().filter(|_| std::env::var_os(variable).is_none())
        {
            command.env(variable, path);
        }
    }
    if !interactive {
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(Failure::file(format!("start {}", program.display())))?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let signal_all = |signal: Signal| {
        let Some(pid) = pid else { return };
        // It may have ended meanwhile; it is not collected yet, so the number is still its own.
        let _ = if interactive { kill_process(pid, signal) } else { kill_process_group(pid, signal) };
    };
    let mut asked = 0;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(Failure::file("wait for the command"))?,
            signal = stops.next() => {
                asked += 1;
                // Who asks three times means it.
                signal_all(match signal {
                    _ if asked > 2 => Signal::KILL,
                    2 => Signal::INT,
                    1 => Signal::HUP,
                    _ => Signal::TERM,
                });
            }
        }
    };
    if !interactive && asked > 0 {
        signal_all(Signal::KILL);
    }
    Ok(code(status))
}

fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code & 0xff).unwrap_or(1),
        (None, Some(signal)) => code_of_signal(signal),
        (None, None) => 1,
    }
}

fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(255)
}
