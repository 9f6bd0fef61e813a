//! A whole system for a test that hurts it: databases, api and runners as processes of their own, each of which may be killed
//! and brought back. Its sandboxes are plain processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use containrlab_store::Store;
use containrlab_workers::sandbox::Role;
use containrlab_workers::testing::standing::StandingSandboxes;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use uuid::Uuid;

use super::services::Services;
use super::{HASTE, PATIENCE};

const PROGRAM: &str = env!("CARGO_BIN_EXE_containrlab");

/// Who docker is in these sandboxes: somebody who does nothing and says that it went well.
const DOCKER: &str = "#!/bin/sh\nsleep 0.1\necho \"docker $*\"\n";

/// The system.
pub(crate) struct House {
    pub(crate) services: Services,
    pub(crate) api: Part,
    pub(crate) runners: Vec<Part>,
    pub(crate) url: String,
    folder: TempDir,
}

impl House {
    /// Starts everything, and waits until it serves.
    pub(crate) async fn start(runners: usize) -> Self {
        Self::start_at(runners, HASTE).await
    }

    /// As [`House::start`], with another haste.
    pub(crate) async fn start_at(runners: usize, haste: u32) -> Self {
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
        let common: BTreeMap<String, String> = [
            ("DATABASE_URL", services.database_url.as_str()),
            ("REDIS_URL", &services.redis_url),
            ("RUNNER_TOKEN", &Uuid::new_v4().simple().to_string()),
            ("LABS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/../labs")),
            ("CONTAINRLAB_TEST_HASTE", &haste.to_string()),
            ("RUST_LOG", "info"),
            ("PATH", &path),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let address = folder.path().join("api.address");
        let mut api =
            Part::new("api", &["api", "--address-file", text(&address)], common.clone(), folder.path());
        api.set("API_LISTEN", "127.0.0.1:0");
        api.set("LOCAL_SIGN_IN", "true");
        api.revive(None);
        let address = until_text(&address).await;
        // The same after every restart, as learners have it open.
        api.set("API_LISTEN", &address);
        let mut house = Self { services, api, runners: Vec::new(), url: format!("http://{address}"), folder };
        for number in 0..runners {
            let runner = house.new_runner(number, &common);
            house.runners.push(runner);
        }
        house
    }

    fn new_runner(&self, number: usize, common: &BTreeMap<String, String>) -> Part {
        let name = ["runner-0", "runner-1", "runner-2"][number];
        let state = self.folder.path().join(name);
        let mut runner = Part::new(name, &["runner"], common.clone(), self.folder.path());
        runner.set("STATE_DIR", text(&state));
        runner.set("CONTAINRLAB_TEST_SANDBOXES", text(&self.sandboxes_of(number)));
        runner.set("RUNNER_CAPACITY", "6");
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
