//! A private PostgreSQL and Redis that may be killed: started by `containrlab with-services`, brought back by us.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;

/// The databases of one house. They end with the test, also when it is killed: `with-services` waits for the end of its
/// command, and the command for the end of a pipe that only we hold.
pub(crate) struct Services {
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
    pub(crate) postgres: Server,
    pub(crate) redis: Server,
    holder: Child,
    held: Option<ChildStdin>,
}

impl Services {
    pub(crate) fn start(folder: &Path) -> Self {
        let state = folder.join("services");
        let mut holder = Command::new(env!("CARGO_BIN_EXE_containrlab"))
            .args(["with-services", "--state-dir"])
            .arg(&state)
            .args(["--", "/bin/sh", "-c", "echo \"$DATABASE_URL\"; echo \"$REDIS_URL\"; read -r end"])
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env("STATE_DIR", folder.join("main"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("services.log")).expect("a log file"))
            .spawn()
            .expect("with-services starts");
        let held = holder.stdin.take();
        let mut said = BufReader::new(holder.stdout.take().expect("a pipe")).lines();
        let mut address = |prefix: &str| {
            said.by_ref()
                .map(|line| line.expect("a line"))
                .find(|line| line.starts_with(prefix))
                .unwrap_or_else(|| {
                    panic!(
                        "the services did not start: {}",
                        std::fs::read_to_string(folder.join("services.log")).unwrap_or_default()
                    )
                })
        };
        // A killed server may only lose what nobody was told is kept; the usual test server does not promise that.
        let database_url = format!("{}?options=-c%20synchronous_commit%3Don", address("postgres"));
        let redis_url = address("redis");
        let server = |name: &'static str| Server::running(name, &state, folder.join(format!("{name}.log")));
        Self { database_url, redis_url, postgres: server("postgres"), redis: server("redis"), holder, held }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.postgres.kill();
        self.redis.kill();
        self.held = None;
        let _ = self.holder.wait();
    }
}

/// One server: how it was started, and its process.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pid: Option<Pid>,
    command: Vec<String>,
    user: (u32, u32),
    ours: Option<Child>,
    log: PathBuf,
}

impl Server {
    fn running(name: &'static str, state: &Path, log: PathBuf) -> Self {
        let remembered = std::fs::read(state.join("run").join(format!("{name}.pid"))).expect("a pid file");
        let remembered: serde_json::Value = serde_json::from_slice(&remembered).expect("a pid file");
        let pid = remembered["pid"].as_i64().and_then(|pid| Pid::from_raw(pid as i32)).expect("a pid");
        let proc = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
        let program = std::fs::read_link(proc.join("exe")).expect("its program").display().to_string();
        let line = std::fs::read(proc.join("cmdline")).expect("its command");
        let arguments = match name {
            // Redis overwrites its command line with a title; it was started with its configuration alone.
            "redis" => vec![redis_configuration(&proc)],
            _ => line.split(|byte| *byte == 0).skip(1).filter(|word| !word.is_empty()).map(text).collect(),
        };
        let status = std::fs::read_to_string(proc.join("status")).expect("its status");
        let user = (number(&status, "Uid:"), number(&status, "Gid:"));
        Self { name, pid: Some(pid), command: [vec![program], arguments].concat(), user, ours: None, log }
    }

    /// As a machine that loses its power does it.
    pub(crate) fn kill(&mut self) {
        let Some(pid) = self.pid.take() else { return };
        // It may have died by itself.
        let _ = kill_process(pid, Signal::KILL);
        if let Some(mut child) = self.ours.take() {
            let _ = child.wait();
        }
        // Not our child the first time: wait until it is gone.
        let until = Instant::now() + PATIENCE;
        while is_there(pid) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.pid.is_some()
    }

    /// Starts it again. It may take a moment until it lets anybody in.
    pub(crate) async fn revive(&mut self) {
        if self.is_up() {
            return;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
            let mut command = Command::new(&self.command[0]);
            command
                // Debian's Redis is one program under several names.
                .arg0(if self.name == "redis" { "redis-server" } else { self.name })
                .args(&self.command[1..])
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a log file"))
                .stderr(log)
                .process_group(0);
            if rustix::process::geteuid().is_root() {
                command.uid(self.user.0).gid(self.user.1);
            }
            let mut child = command.spawn().expect("the server starts");
            tokio::time::sleep(Duration::from_millis(300)).await;
            // PostgreSQL refuses while processes of the one that was killed still have its memory.
            if matches!(child.try_wait(), Ok(None)) {
                self.pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                self.ours = Some(child);
                return;
            }
            assert!(Instant::now() < until, "{} does not come back; see {}", self.name, self.log.display());
        }
    }
}

fn redis_configuration(proc: &Path) -> String {
    // It stands in the folder that it keeps its data in.
    let folder = std::fs::read_link(proc.join("cwd")).expect("its folder");
    folder.join("redis.conf").display().to_string()
}

fn is_there(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(status: &str, name: &str) -> u32 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}
