//! A whole system for a test that hurts it: databases, api and runners as processes of their own, each of which may be killed
//! and brought back. Its sandboxes are plain processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use containrlab_domain::ids::RunnerId;
use containrlab_store::Store;
use containrlab_store::testing::Proxy;
use containrlab_workers::sandbox::Role;
use containrlab_workers::testing::standing::StandingSandboxes;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use uuid::Uuid;

use super::services::Services;
use super::{HASTE, PATIENCE};

const PROGRAM: &str = env!("CARGO_BIN_EXE_containrlab");

/// What gives a program another clock.
fn faketime() -> PathBuf {
    std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("Debian's package faketime is installed: cli/scripts/install.sh --with-tests does it")
}

/// Who docker is in these sandboxes: somebody who does nothing and says that it went well.
const DOCKER: &str = "#!/bin/sh\nsleep 0.1\necho \"docker $*\"\n";

/// What kind of house.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// How much shorter than in earnest leases and patience are.
    pub(crate) haste: u32,
    /// Of each runner: by how many seconds its clock is wrong.
    pub(crate) clocks: Vec<i64>,
    /// Sandboxes that each runner can hold.
    pub(crate) capacity: usize,
    /// How its processes are broken; see `containrlab_store::faults`.
    pub(crate) defect: Option<&'static str>,
}

impl Setup {
    /// So many runners whose clocks are right.
    pub(crate) fn with(runners: usize) -> Self {
        Self { haste: HASTE, clocks: vec![0; runners], capacity: 6, defect: None }
    }
}

/// The system.
pub(crate) struct House {
    pub(crate) services: Services,
    /// The way of all processes to PostgreSQL, but not the test's own.
    pub(crate) wire: Proxy,
    token: String,
    pub(crate) api: Part,
    pub(crate) runners: Vec<Part>,
    pub(crate) url: String,
    folder: TempDir,
}

impl House {
    /// Starts everything, and waits until it serves.
    pub(crate) async fn start(runners: usize) -> Self {
        Self::start_as(Setup::with(runners)).await
    }

    /// As [`House::start`], of another kind.
    pub(crate) async fn start_as(setup: Setup) -> Self {
        // A short path, because sockets lie below it; open, because databases run as users of their own.
        let folder = tempfile::Builder::new().prefix("clf").tempdir_in("/tmp").expect("a folder");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("an open folder");
        let services = Services::start(folder.path());
        containrlab_store::migrate(&services.database_url).await.expect("a fresh database can be migrated");
        let tools = folder.path().join("bin");
        std::fs::create_dir(&tools).expect("a folder");
        std::fs::write(tools.join("docker"), DOCKER).expect("a program");
        std::fs::set_permissions(tools.join("docker"), PermissionsExt::from_mode(0o755)).expect("a program");
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        let wire = Proxy::before(&services.database_url).await;
        let token = Uuid::new_v4().simple().to_string();
        let mut common: BTreeMap<String, String> = [
            ("DATABASE_URL", wire.url().as_str()),
            ("REDIS_URL", &services.redis_url),
            ("RUNNER_TOKEN", &token),
            ("LABS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/../labs")),
            ("CONTAINRLAB_TEST_HASTE", &setup.haste.to_string()),
            ("RUNNER_CAPACITY", &setup.capacity.to_string()),
            ("RUST_LOG", "info"),
            ("PATH", &path),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        common.extend(setup.defect.map(|defect| ("CONTAINRLAB_TEST_DEFECT".to_owned(), defect.to_owned())));
        let address = folder.path().join("api.address");
        let mut api =
            Part::new("api", &["api", "--address-file", text(&address)], common.clone(), folder.path());
        api.set("API_LISTEN", "127.0.0.1:0");
        api.set("LOCAL_SIGN_IN", "true");
        api.revive(None);
        let address = until_text(&address).await;
        // The same after every restart, as learners have it open.
        api.set("API_LISTEN", &address);
        let url = format!("http://{address}");
        let mut house = Self { services, wire, token, api, runners: Vec::new(), url, folder };
        for (number, wrong_by) in setup.clocks.iter().enumerate() {
            let runner = house.new_runner(number, *wrong_by, &common);
            house.runners.push(runner);
        }
        house
    }

    fn new_runner(&self, number: usize, wrong_by: i64, common: &BTreeMap<String, String>) -> Part {
        let name = ["runner-0", "runner-1", "runner-2"][number];
        let state = self.folder.path().join(name);
        let mut runner = Part::new(name, &["runner"], common.clone(), self.folder.path());
        runner.set("STATE_DIR", text(&state));
        runner.set("CONTAINRLAB_TEST_SANDBOXES", text(&self.sandboxes_of(number)));
        if wrong_by != 0 {
            runner.set("LD_PRELOAD", text(&faketime()));
            runner.set("FAKETIME", &format!("{wrong_by:+}s"));
            // A clock that is set wrong goes on as evenly as any other.
            runner.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        runner.revive(None);
        runner
    }

    fn sandboxes_of(&self, runner: usize) -> PathBuf {
        self.folder.path().join(format!("s{runner}"))
    }

    /// A store as another process has it; patient, because the databases may just have come back.
    pub(crate) async fn store(&self) -> Store {
        let settings = containrlab_store::Settings {
            database_url: self.services.database_url.clone(),
            redis_url: self.services.redis_url.clone(),
            namespace: "containrlab".to_owned(),
            pool_size: 4,
        };
        let until = Instant::now() + PATIENCE;
        loop {
            match Store::connect(settings.clone()).await {
                Ok(store) => return store,
                Err(error) => assert!(Instant::now() < until, "the databases do not come back: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What a runner counted since it was started, by name.
    pub(crate) async fn counters(&self, store: &Store, runner: RunnerId) -> BTreeMap<String, u64> {
        let address = store.runner(runner).await.expect("a read").expect("the runner").address;
        let asked = reqwest::Client::new().get(format!("{address}/counters")).bearer_auth(&self.token);
        asked.send().await.expect("an answer").json().await.expect("counters")
    }

    /// What a command of the program says, asked by an operator of this house.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .env("DATABASE_URL", &self.services.database_url)
            .env("REDIS_URL", &self.services.redis_url)
            .env("RUNNER_TOKEN", &self.token)
            .env("STATE_DIR", self.folder.path().join("operator"))
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The runner with this id, which it says when it is ready.
    pub(crate) fn runner_with(&mut self, id: RunnerId) -> &mut Part {
        let id = id.to_string();
        let says_so = |part: &&mut Part| {
            part.said().lines().any(|line| line.contains("the runner is ready") && line.contains(&id))
        };
        self.runners.iter_mut().find(says_so).expect("one of the house's runners")
    }

    /// A runner with another id.
    pub(crate) fn runner_but(&mut self, id: RunnerId) -> &mut Part {
        let its_log = self.runner_with(id).log.clone();
        self.runners.iter_mut().find(|part| part.log != its_log).expect("a second runner")
    }

    /// The workspaces of all sandboxes, seen from outside.
    fn workspaces(&self) -> Vec<PathBuf> {
        (0..self.runners.len())
            .flat_map(|runner| std::fs::read_dir(self.sandboxes_of(runner)).into_iter().flatten().flatten())
            .map(|place| place.path().join("w"))
            .collect()
    }

    /// What lies in the file of this name in all workspaces together; a warm sandbox, too, has one, without files.
    pub(crate) fn written_into(&self, file: &str) -> String {
        let read = |workspace: PathBuf| std::fs::read_to_string(workspace.join(file)).ok();
        self.workspaces().into_iter().filter_map(read).collect()
    }

    /// FLUSHALL: everything that Redis knows is gone.
    pub(crate) async fn flush(&self) -> Result<(), std::io::Error> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let url: url::Url = self.services.redis_url.parse().expect("an address");
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", url.port().expect("a port"))).await?;
        let asked = format!("AUTH {}\r\nFLUSHALL\r\nQUIT\r\n", url.password().expect("a password"));
        stream.write_all(asked.as_bytes()).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await?;
        assert!(!said.contains("-ERR"), "{said}");
        Ok(())
    }

    /// All processes of the program.
    pub(crate) fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        [&mut self.api].into_iter().chain(&mut self.runners)
    }

    /// Whatever is dead or stopped comes back; no fault is armed any more.
    pub(crate) async fn heal(&mut self) {
        self.wire.go_silent(false);
        self.wire.accept();
        self.services.postgres.revive().await;
        self.services.redis.revive().await;
        for part in self.parts() {
            part.resume();
            if part.is_armed() {
                part.kill();
            }
            part.revive(None);
        }
    }

    /// The sandboxes of which anything is left on all runners, in words. Warm ones belong to their runner.
    pub(crate) fn sandboxes(&self) -> Vec<String> {
        (0..self.runners.len())
            .flat_map(|runner| {
                let host = StandingSandboxes::new(PathBuf::new(), self.sandboxes_of(runner));
                host.listed().expect("a folder").into_iter().map(move |sandbox| (runner, sandbox))
            })
            .filter(|(_, sandbox)| !(sandbox.alive && sandbox.spec.role == Role::Warm))
            .map(|(runner, sandbox)| format!("runner {runner}: {:?}, alive: {}", sandbox.spec, sandbox.alive))
            .collect()
    }

    /// What the processes said, for whoever reads why a test failed.
    pub(crate) fn show_logs(&mut self) {
        for part in self.parts() {
            part.show_log();
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for part in self.parts() {
            part.resume();
            part.kill();
        }
        // Sandboxes outlive their runners: none of them is to outlive the test.
        for runner in 0..self.runners.len() {
            let folder = self.sandboxes_of(runner);
            let places = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for place in places {
                let pid = std::fs::read_to_string(place.path().join("pid")).ok();
                if let Some(pid) = pid.and_then(|text| Pid::from_raw(text.trim().parse().ok()?)) {
                    let command =
                        std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
                    if String::from_utf8_lossy(&command).contains(text(&folder)) {
                        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
                    }
                }
            }
        }
        if std::thread::panicking()
            && let Ok(keep) = std::env::var("KEEP")
        {
            eprintln!("KEEP={keep}: the folder stays: {}", self.folder.path().display());
            self.folder.disable_cleanup(true);
        }
    }
}

/// One process of the program, which may be killed, stopped and brought back.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    child: Option<Child>,
    armed: bool,
    pub(crate) stopped: bool,
    log: PathBuf,
    pid_file: PathBuf,
}

impl Part {
    fn new(
        name: &'static str,
        arguments: &[&str],
        environment: BTreeMap<String, String>,
        folder: &Path,
    ) -> Self {
        Self {
            name,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment,
            child: None,
            armed: false,
            stopped: false,
            log: folder.join(format!("{name}.log")),
            pid_file: folder.join(format!("{name}.pid")),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Starts it if it is dead, with a fault armed or none.
    pub(crate) fn revive(&mut self, fault: Option<&str>) {
        if self.is_alive() {
            return;
        }
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let child = Command::new(PROGRAM)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .envs(fault.map(|fault| ("CONTAINRLAB_TEST_FAULT", fault)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        std::fs::write(&self.pid_file, child.id().to_string()).expect("a pid file");
        self.child = Some(child);
        self.armed = fault.is_some();
    }

    /// The file that holds its process's number.
    pub(crate) fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn is_armed(&self) -> bool {
        self.armed
    }

    /// Whether it is dead though nobody killed it: of the fault that was armed in it, or because it could not start while a
    /// database was away.
    pub(crate) fn has_died(&mut self) -> bool {
        self.child.is_some() && !self.is_alive()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.stopped = false;
    }

    /// Stops it where it stands, as a machine without breath does.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::STOP);
        self.stopped = true;
    }

    pub(crate) fn resume(&mut self) {
        if std::mem::take(&mut self.stopped) {
            self.signal(Signal::CONT);
        }
    }

    /// Whether it stands still of its own accord: the fault that was armed in it has struck.
    pub(crate) fn has_stopped(&mut self) -> bool {
        let stat = self.pid().map(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")));
        let stat = stat.and_then(Result::ok).unwrap_or_default();
        self.stopped = stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'));
        self.stopped
    }

    /// Waits until it stands still of its own accord.
    pub(crate) async fn until_it_stops(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !self.has_stopped() {
            assert!(Instant::now() < end, "{} does not come to the point: {}", self.name, self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How often it has become ready to take work, in all its lives.
    pub(crate) fn times_ready(&self) -> usize {
        self.said().matches("the runner is ready").count()
    }

    fn signal(&mut self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        if let Some(pid) = pid {
            // Not collected yet, so the number is still its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn show_log(&self) {
        const LINES: usize = 60;
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        eprintln!("--- the last that {} said ---", self.name);
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            eprintln!("{line}");
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What a file says once its line is whole.
async fn until_text(path: &Path) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(Instant::now() < until, "{} did not appear", path.display()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
