//! The whole system, for one test: api and runner as processes, on free ports, with a database, a Redis namespace and an
//! installation of their own. Gone after the test, also after a panic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use containrlab_domain::ids::RunnerId;
use containrlab_store::testing::TestStore;
use containrlab_workers::images::ImageSettings;
use containrlab_workers::sandbox::{SandboxSettings, Sandboxes};
use tempfile::TempDir;
use uuid::Uuid;

use super::processes::Process;
use super::required;

/// Longest wait for anything that should happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The first runner on a machine fills the golden volume.
const FIRST_RUNNER: Duration = Duration::from_secs(600);

/// Which of the processes a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    /// Api and runner.
    All,
    /// The api alone: sessions wait in line for a runner.
    ApiOnly,
}

/// A running system.
pub(crate) struct System {
    /// Where its pages are, without a slash at the end.
    pub(crate) url: String,
    /// Its database, for what a test has to see that no page shows.
    pub(crate) store: TestStore,
    environment: BTreeMap<String, String>,
    folder: TempDir,
    api: Process,
    runner: Option<Process>,
    /// Whether there may be sandboxes to remove.
    had_runner: bool,
}

impl System {
    /// Starts one, and waits until it serves.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start(parts: Parts) -> Self {
        Self::start_with(parts, &[]).await
    }

    /// Starts one with further settings.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start_with(parts: Parts, settings: &[(&str, &str)]) -> Self {
        let store = TestStore::new().await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut environment = inherited();
        let own = [
            ("DATABASE_URL", store.settings().database_url.as_str()),
            ("REDIS_URL", &store.settings().redis_url),
            ("REDIS_NAMESPACE", &store.settings().namespace),
            ("API_LISTEN", "127.0.0.1:0"),
            ("RUNNER_LISTEN", "127.0.0.1:0"),
            ("RUNNER_TOKEN", &Uuid::new_v4().simple().to_string()),
            ("LOCAL_SIGN_IN", "true"),
            ("LABS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/../labs")),
            ("STATE_DIR", &state_dir().display().to_string()),
            ("RUST_LOG", "info"),
        ];
        for (name, value) in own.iter().chain(settings) {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let api = start_api(&environment, folder.path());
        let mut system =
            Self { url: String::new(), store, environment, folder, api, runner: None, had_runner: false };
        let address = system.until_file("api.address", LIMIT).await;
        system.url = format!("http://{}", address.trim());
        // A restart keeps the address that pages have open.
        system.environment.insert("API_LISTEN".to_owned(), address.trim().to_owned());
        if parts == Parts::All {
            system.start_runner().await;
        }
        system
    }

    /// Starts a runner, and waits until it takes sessions.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start_runner(&mut self) {
        self.had_runner = true;
        let ready = self.folder.path().join("runner.ready");
        let _ = std::fs::remove_file(&ready);
        let arguments = ["runner", "--ready-file", ready.to_str().expect("UTF-8")];
        let log = self.folder.path().join("runner.log");
        self.runner = Some(Process::start("the runner", program(), &arguments, &self.environment, log));
        self.until_file("runner.ready", FIRST_RUNNER).await;
    }

    /// Kills the runner as a crash would. Its sandboxes live on.
    pub(crate) fn kill_runner(&mut self) {
        drop(self.runner.take());
    }

    /// Kills the api as a crash would, and starts it again at the same address.
    pub(crate) async fn restart_api(&mut self) {
        self.api.kill();
        let _ = std::fs::remove_file(self.folder.path().join("api.address"));
        self.api = start_api(&self.environment, self.folder.path());
        self.until_file("api.address", LIMIT).await;
    }

    /// The environment of its processes.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The content of a file that a process makes once it is ready.
    async fn until_file(&mut self, name: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        let path = self.folder.path().join(name);
        loop {
            self.api.must_live();
            if let Some(runner) = &mut self.runner {
                runner.must_live();
            }
            match std::fs::read_to_string(&path) {
                // An address ends with a line feed: what lacks it is half written. The other file may be empty.
                Ok(text) if !name.ends_with(".address") || text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(Instant::now() < deadline, "{name} did not appear within {patience:?}");
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.api.show_log();
            if let Some(runner) = &self.runner {
                runner.show_log();
            }
        }
        let parts: Vec<&mut Process> = self.runner.iter_mut().chain([&mut self.api]).collect();
        for part in &parts {
            part.ask_to_end();
        }
        let mut late = false;
        for part in parts {
            late |= !part.wait(Duration::from_secs(40));
        }
        let cleaned = if self.had_runner { clean(self.store.settings().namespace.clone()) } else { Ok(()) };
        if !std::thread::panicking() {
            assert!(!late, "a process did not end when it was asked to");
            if let Err(error) = cleaned {
                panic!("the test leaves something behind: {error}");
            }
        }
    }
}

/// Removes an installation's sandboxes, network and volumes.
fn clean(installation: String) -> Result<(), String> {
    // A runtime of its own: the test's may be the one that is panicking.
    let cleaner = std::thread::spawn(move || {
        let mut settings = SandboxSettings::new(
            installation,
            RunnerId(Uuid::new_v4()),
            state_dir().join("runner"),
            ImageSettings::default(),
        );
        settings.docker_host = Some(required("DOCKER_HOST"));
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime
            .block_on(async { Sandboxes::connect(settings).await?.clean().await })
            .map_err(|error| error.to_string())
    });
    cleaner.join().unwrap_or_else(|_| Err("the clean-up panicked".to_owned()))
}

fn start_api(environment: &BTreeMap<String, String>, folder: &Path) -> Process {
    let address = folder.join("api.address");
    let arguments = ["api", "--address-file", address.to_str().expect("UTF-8")];
    Process::start("the api", program(), &arguments, environment, folder.join("api.log"))
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_containrlab")
}

/// What the processes take over from ours: the way to the engine, and what this machine's network asks for.
fn inherited() -> BTreeMap<String, String> {
    required("DOCKER_HOST");
    let ours = |name: &str| {
        matches!(
            name,
            "PATH"
                | "HOME"
                | "DOCKER_HOST"
                | "EXTRA_CA_CERTS"
                | "DEBIAN_MIRROR"
                | "EGRESS_ALLOW"
                | "IMAGES_FROM"
        ) || name.starts_with("PIP_")
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    std::env::vars().filter(|(name, _)| ours(name)).collect()
}

/// STATE_DIR of all tests: the golden volume in it is made once. Sandboxes in it are told apart by their installation.
fn state_dir() -> PathBuf {
    let runner = PathBuf::from(required("CONTAINRLAB_TEST_STATE_DIR"));
    assert!(
        runner.ends_with("runner"),
        "CONTAINRLAB_TEST_STATE_DIR is the folder `runner` in a state folder"
    );
    runner.parent().expect("a folder").to_owned()
}
