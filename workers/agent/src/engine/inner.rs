//! `engine`: what runs inside the engine's namespaces: containerd, then dockerd.
//!
//! dockerd would start a containerd by itself, but waits about a second for it; one that is already there is taken at
//! once. If either ends, so does the other, and the engine as a whole is started again. Meanwhile it looks after the image store.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{layers, news};
use crate::os;

/// Variable: the number of the socket that the agent has opened for the engine; see [`super::door`].
pub(super) const DOOR: &str = "CONTAINRLAB_ENGINE_DOOR";

/// Variable: the number of the pipe for news; see [`super::news`].
pub(super) const NEWS: &str = "CONTAINRLAB_ENGINE_NEWS";

/// Between two looks at the image store.
const LAYERS_INTERVAL: Duration = Duration::from_secs(10);

/// The number under which a program finds the first socket that it is handed, as sd_listen_fds(3) has it.
const FIRST_HANDED: i32 = 3;

/// Starts dockerd with a socket that it is handed. That is addressed to a process by its number, which only the process itself knows.
const WITH_DOOR: &str = "export LISTEN_FDS=1 LISTEN_PID=$$; exec dockerd --host fd:// \"$@\"";

/// How long containerd may take to listen.
const CONTAINERD_LIMIT: Duration = Duration::from_secs(20);

/// What can happen.
enum Event {
    Asked,
    Dockerd(Option<i32>),
    Containerd,
}

/// Runs the engine: `engine <socket> <data folder> <runtime folder> [dockerd argument …]`.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments;
    let (Some(socket), Some(data), Some(runtime)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: engine SOCKET DATA_FOLDER RUNTIME_FOLDER [DOCKERD_ARGUMENT …]");
        return ExitCode::from(2);
    };
    match run(&socket, Path::new(&data), Path::new(&runtime), arguments.collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("containrlab-agent: the engine can't be started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(socket: &OsString, data: &Path, runtime: &Path, more: Vec<OsString>) -> std::io::Result<ExitCode> {
    let [door, news] = [DOOR, NEWS].map(handed);
    // Where it will be needed, so that nothing else comes to lie there.
    let door = door.map(|door| rustix::io::fcntl_dupfd_cloexec(door, FIRST_HANDED)).transpose()?;
    let (sender, events) = channel();
    // rootlesskit's child dies with rootlesskit; so must what it started.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Before any other thread is there, so that all of them hold the signals back.
    os::hold_signals(&[libc::SIGTERM, libc::SIGINT])?;
    watch_signals(sender.clone());

    let address = runtime.join("containerd/containerd.sock");
    let mut containerd = start_containerd(data, runtime, &address)?;
    let containerd_pid = Pid::from_child(&containerd);
    wait_for_socket(&mut containerd, &address)?;
    watch(containerd, sender.clone(), |_| Event::Containerd);

    // A file that a killed engine left behind keeps dockerd from starting if its number is in use again.
    let pid_file = runtime.join("docker.pid");
    let _ = std::fs::remove_file(&pid_file);
    let mut host = OsString::from("unix://");
    host.push(socket);
    let mut command = dockerd_command(door.as_ref());
    command
        .args(["--rootless", "--containerd"])
        .arg(&address)
        .arg("--host")
        .arg(host)
        .arg("--data-root")
        .arg(data)
        .arg("--exec-root")
        .arg(runtime)
        .arg("--pidfile")
        .arg(&pid_file)
        .args(more);
    if let Some(news) = news {
        let (data, known) = (data.to_owned(), layers::missing(data));
        std::thread::spawn(move || watch_layers(&data, known, &mut File::from(news)));
    }
    let dockerd = os::die_with_parent(os::release_signals(&mut command)).spawn()?;
    drop(door);
    let dockerd_pid = Pid::from_child(&dockerd);
    watch(dockerd, sender, Event::Dockerd);

    for event in events {
        match event {
            // dockerd needs containerd to stop its containers: one after the other. If containerd is gone, dockerd can do no more.
            Event::Asked | Event::Containerd => {
                let _ = rustix::process::kill_process(dockerd_pid, Signal::TERM);
            }
            Event::Dockerd(code) => {
                let _ = rustix::process::kill_process(containerd_pid, Signal::TERM);
                return Ok(code
                    .and_then(|code| u8::try_from(code).ok())
                    .map_or(ExitCode::FAILURE, ExitCode::from));
            }
        }
    }
    Ok(ExitCode::FAILURE)
}

/// What the agent has handed over under the number in this variable.
fn handed(variable: &str) -> Option<OwnedFd> {
    os::inherited(std::env::var(variable).ok()?.parse().ok()?).ok()
}

fn dockerd_command(door: Option<&OwnedFd>) -> Command {
    let Some(door) = door else { return Command::new("dockerd") };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WITH_DOOR, "dockerd"]);
    os::inherit_as(&mut command, door.as_fd(), FIRST_HANDED);
    command
}

/// Tells of layers that are lost whenever their number has changed. `missing`: those that were before anybody could change something. Later
/// a layer may just be on its way, so it has to be missing at two looks.
fn watch_layers(data: &Path, mut missing: BTreeSet<PathBuf>, news: &mut File) {
    let (mut before, mut told) = (missing.clone(), 0);
    loop {
        let lost = u32::try_from(missing.intersection(&before).count()).unwrap_or(u32::MAX);
        if lost != told && news::tell(news, news::News::MissingLayers(lost)).is_err() {
            // The agent is gone, and with it the sandbox.
            return;
        }
        told = lost;
        std::thread::sleep(LAYERS_INTERVAL);
        before = std::mem::replace(&mut missing, layers::missing(data));
    }
}

fn start_containerd(data: &Path, runtime: &Path, address: &Path) -> std::io::Result<Child> {
    let folder = runtime.join("containerd");
    std::fs::create_dir_all(&folder)?;
    let _ = std::fs::remove_file(address);
    let config: PathBuf = folder.join("containerd.toml");
    // Kubernetes' part is the slowest to start, and nothing here speaks it; /opt is not ours to write.
    std::fs::write(
        &config,
        format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n\
             [grpc]\naddress = {:?}\n[ttrpc]\naddress = {:?}\n",
            data.join("containerd/daemon"),
            folder.join("daemon"),
            address,
            folder.join("containerd.ttrpc.sock"),
        ),
    )?;
    let mut command = Command::new("containerd");
    command.arg("--config").arg(&config).args(["--log-level", "warn"]);
    os::die_with_parent(os::release_signals(&mut command)).spawn()
}

fn wait_for_socket(containerd: &mut Child, address: &Path) -> std::io::Result<()> {
    let deadline = Instant::now() + CONTAINERD_LIMIT;
    while Instant::now() < deadline {
        if std::os::unix::net::UnixStream::connect(address).is_ok() {
            return Ok(());
        }
        if let Some(status) = containerd.try_wait()? {
            return Err(std::io::Error::other(format!("containerd ended: {status}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = containerd.kill();
    Err(std::io::Error::other("containerd doesn't listen"))
}

fn watch(mut child: Child, events: Sender<Event>, event: impl FnOnce(Option<i32>) -> Event + Send + 'static) {
    std::thread::spawn(move || {
        let code = child.wait().ok().and_then(|status| status.code());
        let _ = events.send(event(code));
    });
}

fn watch_signals(events: Sender<Event>) {
    std::thread::spawn(move || {
        while os::next_signal(&[libc::SIGTERM, libc::SIGINT]).is_ok() {
            if events.send(Event::Asked).is_err() {
                return;
            }
        }
    });
}
