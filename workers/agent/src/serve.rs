//! `serve`: the agent proper. A child of process 1 in a sandbox; by itself, with `--as-is`, in tests.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::config::Config;
use crate::engine::Engine;
use crate::learner::Learner;
use crate::listen::listen;
use crate::terminal::Terminals;
use crate::{connection, os, platform};

/// Connections at a time. The runner needs one; others are tools and a runner that comes back.
const MOST_CONNECTIONS: usize = 16;

/// All that the agent holds.
pub(crate) struct Agent {
    /// Differs at each start.
    pub(crate) boot: String,
    /// When it started.
    pub(crate) began: Instant,
    /// For whom all of this is.
    pub(crate) learner: Learner,
    /// The engine.
    pub(crate) engine: Arc<Engine>,
    /// Where the engine is asked; a place where a learner can put nothing of theirs.
    pub(crate) engine_socket: Option<PathBuf>,
    /// The terminals.
    pub(crate) terminals: Terminals,
    most_execs: usize,
    execs: AtomicUsize,
}

/// The right to run one more command.
pub(crate) struct ExecPlace<'a>(&'a AtomicUsize);

impl Drop for ExecPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Agent {
    /// A place for a command; none if too many run.
    pub(crate) fn take_exec_place(&self) -> Option<ExecPlace<'_>> {
        let place = ExecPlace(&self.execs);
        // `place` gives the number back if it was one too many.
        (self.execs.fetch_add(1, Ordering::SeqCst) < self.most_execs).then_some(place)
    }

    /// Commands that run.
    pub(crate) fn execs(&self) -> usize {
        self.execs.load(Ordering::SeqCst)
    }
}

/// Runs the agent until it is told to stop.
pub(crate) fn main(config: &Config, as_is: bool) -> ExitCode {
    match run(config, as_is) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("containrlab-agent: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config, as_is: bool) -> Result<(), String> {
    let began = Instant::now();
    os::hold_signals(&[libc::SIGTERM, libc::SIGINT])
        .map_err(|error| format!("Signals can't be held: {error}."))?;
    let learner =
        Learner::new(config, as_is).map_err(|error| format!("The agent can't find itself: {error}."))?;
    if let Some(ids) = learner.ids {
        furnish(config, ids)?;
    }
    let listener = listen(&config.socket, 0o600)
        .map_err(|error| format!("The socket {} can't be opened: {error}.", config.socket.display()))?;
    let agent = Arc::new(Agent {
        boot: boot_id(),
        began,
        learner,
        engine: Arc::new(Engine::new(began, config.engine.is_some())),
        // As is, the agent is nobody whom a learner could take in.
        engine_socket: if as_is { Some(config.engine_socket()) } else { config.engine_door() },
        terminals: Terminals::new(config.shell.clone(), config.terminal_keep_bytes, config.max_terminals),
        most_execs: config.max_execs,
        execs: AtomicUsize::new(0),
    });
    if let Some(engine) = config.engine.clone() {
        let (agent, config) = (Arc::clone(&agent), config.clone());
        std::thread::spawn(move || agent.engine.keep_running(&agent.learner, &config, &engine));
    }
    if config.spare_shell {
        let agent = Arc::clone(&agent);
        std::thread::spawn(move || agent.terminals.prepare_spare(&agent.learner));
    }
    {
        let agent = Arc::clone(&agent);
        std::thread::spawn(move || accept(&agent, &listener));
    }
    os::next_signal(&[libc::SIGTERM, libc::SIGINT])
        .map_err(|error| format!("Signals can't be awaited: {error}."))?;
    agent.terminals.stop_all();
    let limit = config.engine.as_ref().map_or(0, |engine| engine.stop_ms);
    agent.engine.stop(Duration::from_millis(limit + 500));
    let _ = std::fs::remove_file(&config.socket);
    Ok(())
}

fn accept(agent: &Arc<Agent>, listener: &UnixListener) {
    let connections = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                eprintln!("containrlab-agent: a connection can't be accepted: {error}");
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        // The socket's folder is closed to others already; this is the second lock.
        let peer = rustix::net::sockopt::socket_peercred(&stream);
        if !peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid()) {
            continue;
        }
        if connections.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            connections.fetch_sub(1, Ordering::SeqCst);
            eprintln!("containrlab-agent: a connection is refused: {MOST_CONNECTIONS} are open");
            continue;
        }
        let (agent, count) = (Arc::clone(agent), Arc::clone(&connections));
        std::thread::spawn(move || {
            if let Err(error) = connection::serve(agent, stream) {
                eprintln!("containrlab-agent: a connection failed: {error}");
            }
            count.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Makes the folders and rights that the learner needs. Only what root's CHOWN and FOWNER allow; nothing that lies in a folder
/// which the learner can write is touched.
fn furnish(config: &Config, (uid, gid): (u32, u32)) -> Result<(), String> {
    let failed =
        |what: &Path, error: std::io::Error| format!("{} can't be prepared: {error}.", what.display());
    if let Some(folder) = config.socket.parent() {
        private_folder(folder).map_err(|error| failed(folder, error))?;
    }
    platform::furnish(config, (uid, gid)).map_err(|error| failed(&config.docker_config_dir, error))?;
    for folder in config.own.iter().chain([&config.runtime_dir]) {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let private = folder == &config.runtime_dir;
        give(folder, uid, gid, private).map_err(|error| failed(folder, error))?;
    }
    for device in &config.open_devices {
        match std::fs::set_permissions(device, std::fs::Permissions::from_mode(0o666)) {
            // The runner decides which devices there are; what needs a missing one says so itself.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("containrlab-agent: there is no {}", device.display());
            }
            Err(error) => {
                eprintln!("containrlab-agent: {} can't be opened to all: {error}", device.display())
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Makes a folder for root alone.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Gives a folder, itself only, to the learner.
fn give(folder: &Path, uid: u32, gid: u32, private: bool) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // A folder that is the learner's alone can't be opened by a root without DAC_OVERRIDE: then it is given already.
    if std::fs::symlink_metadata(folder)?.uid() == uid {
        return Ok(());
    }
    let fd = rustix::fs::open(folder, flags, Mode::empty())?;
    if private {
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o700))?;
    }
    rustix::fs::fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    Ok(())
}

/// The kernel's random id for this question; the time if there is none.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid").map_or_else(
        |_| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            format!("{}-{}", std::process::id(), now.map_or(0, |since| since.as_nanos()))
        },
        |id| id.trim().to_owned(),
    )
}
