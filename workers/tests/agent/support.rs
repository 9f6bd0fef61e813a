//! An agent of one's own for each test, and a connection that can be cut.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use containrlab_agent::message::ExecRequest;
use containrlab_workers::sandbox::{AgentClient, AgentError, Complaint, Pipe, Transport};
use tempfile::TempDir;

/// Longest wait for anything that should happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A running agent, with a folder of its own. Ended, with all that it started, when dropped.
pub(crate) struct TestAgent {
    process: Child,
    folder: TempDir,
    wires: Wires,
}

impl TestAgent {
    /// Starts one.
    pub(crate) async fn start() -> TestAgent {
        TestAgent::keeping(8 << 20).await
    }

    /// Starts one whose terminals keep only so many bytes.
    pub(crate) async fn keeping(bytes: usize) -> TestAgent {
        TestAgent::with(bytes, |_, _| {}).await
    }

    /// Starts one that keeps a login shell ready.
    pub(crate) async fn with_spare_shell() -> TestAgent {
        TestAgent::with(8 << 20, |command, _| _ = command.arg("--spare-shell")).await
    }

    /// Starts one with a command of the shell as its engine.
    pub(crate) async fn with_engine(command: &str) -> TestAgent {
        TestAgent::with(8 << 20, |agent, folder| {
            agent.arg("--runtime").arg(folder).args(["--engine", command]);
        })
        .await
    }

    async fn with(bytes: usize, arguments: impl FnOnce(&mut Command, &Path)) -> TestAgent {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("workspace")).unwrap();
        let mut command = Command::new(program());
        command
            .args(["serve", "--as-is", "--socket"])
            .arg(folder.path().join("socket"))
            .arg("--workspace")
            .arg(folder.path().join("workspace"))
            .arg("--keep")
            .arg(bytes.to_string());
        arguments(&mut command, folder.path());
        let process = command.stdin(Stdio::null()).spawn().unwrap();
        let socket = folder.path().join("socket");
        let agent = TestAgent { process, folder, wires: Wires { socket, open: Arc::default() } };
        until("the agent listens", async || {
            tokio::net::UnixStream::connect(&agent.wires.socket).await.is_ok()
        })
        .await;
        agent
    }

    /// Connects.
    pub(crate) async fn client(&self) -> AgentClient {
        AgentClient::over(self.wires.clone()).await.unwrap()
    }

    /// Its workspace, seen from here.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// Where its engine should answer.
    pub(crate) fn engine_socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Breaks all connections, as a dying Docker engine or runner would.
    pub(crate) fn cut(&self) {
        for wire in self.wires.open.lock().unwrap().drain(..) {
            let _ = wire.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Asks the agent itself to end, and waits for it.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.process.wait().unwrap()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id() as i32) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// How many processes whose command line holds this run.
    pub(crate) fn processes_with(mark: &str) -> usize {
        TestAgent::pids_with(mark).len()
    }

    /// The processes that work in its workspace.
    pub(crate) fn pids_in_workspace(&self) -> Vec<u32> {
        let here = self.workspace();
        TestAgent::pids(|path| std::fs::read_link(path.join("cwd")).is_ok_and(|folder| folder == here))
    }

    /// The processes whose command line holds this.
    pub(crate) fn pids_with(mark: &str) -> Vec<u32> {
        TestAgent::pids(|path| {
            let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(mark)
        })
    }

    /// The processes of others whose folder in `/proc` looks so.
    fn pids(is_wanted: impl Fn(&Path) -> bool) -> Vec<u32> {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
            .filter(|(pid, path)| *pid != std::process::id() && is_wanted(path))
            .map(|(pid, _)| pid)
            .collect()
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Connections to the agent's socket, remembered so that they can be cut.
#[derive(Clone)]
struct Wires {
    socket: PathBuf,
    open: Arc<Mutex<Vec<std::os::unix::net::UnixStream>>>,
}

#[async_trait]
impl Transport for Wires {
    async fn open(&self) -> Result<Pipe, AgentError> {
        let unreachable = |error: std::io::Error| AgentError::Unreachable(error.to_string());
        let stream = std::os::unix::net::UnixStream::connect(&self.socket).map_err(unreachable)?;
        self.open.lock().unwrap().push(stream.try_clone().map_err(unreachable)?);
        stream.set_nonblocking(true).map_err(unreachable)?;
        let (reader, writer) = tokio::net::UnixStream::from_std(stream).map_err(unreachable)?.into_split();
        Ok(Pipe { reader: Box::new(reader), writer: Box::new(writer), complaint: Complaint::default() })
    }
}

/// The agent's program, built once for all tests: cargo gives a test only the programs of its own package.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os("CONTAINRLAB_TEST_AGENT") {
            return program.into();
        }
        let output = Command::new(env!("CARGO"))
            .args(["build", "--package", "containrlab-agent", "--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the agent can't be built");
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the program that it built")
    })
}

/// A command of the shell.
pub(crate) fn sh(script: &str) -> ExecRequest {
    ExecRequest { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), ..ExecRequest::default() }
}

/// A number that no other test or process uses, to find a command's processes by.
pub(crate) fn mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("7{:07}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for something that should come soon.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("in vain: {what}"),
    }
}
