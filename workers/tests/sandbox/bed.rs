//! What every test of sandboxes stands on: the real engine, a state folder, an installation of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use containrlab_domain::ids::{LeaseId, RunnerId, SandboxId, SessionId};
use containrlab_workers::images::ImageSettings;
use containrlab_workers::sandbox::{Role, Sandbox, SandboxError, SandboxSettings, SandboxSpec, Sandboxes};
use futures::StreamExt;
use uuid::Uuid;

use crate::few_images::{all_images, few_images, state_dir_of_few};

/// How long a test waits for something that has to come true by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// An installation, removed from the machine when the test is over, however it ends.
pub(crate) struct Bed {
    pub(crate) settings: SandboxSettings,
    pub(crate) sandboxes: Sandboxes,
    pub(crate) docker: Docker,
}

impl Bed {
    /// A prepared machine.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A prepared machine with a volume store that nobody else uses; its folder goes with it.
    pub(crate) async fn apart() -> Self {
        Self::apart_with(&[], |_| {}).await
    }

    /// The same with further images, and other settings.
    pub(crate) async fn apart_with(more_images: &[&str], change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let folder = few_state().join(format!("apart-{}", &Uuid::new_v4().simple().to_string()[..12]));
        std::fs::create_dir(&folder).expect("a folder");
        Self::with(|settings| {
            settings.images.folder = few_images(&folder, more_images);
            settings.state_dir = folder;
            change(settings);
        })
        .await
    }

    /// A prepared machine with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let mut settings = Self::settings();
        change(&mut settings);
        let sandboxes = Sandboxes::connect(settings.clone()).await.expect("connect to the engine");
        sandboxes.prepare(&|line| println!("{line}")).await.expect("prepare the machine");
        Self { settings, sandboxes, docker: Self::docker().await }
    }

    /// The host's engine.
    pub(crate) async fn docker() -> Docker {
        let docker = Docker::connect_with_host(&variable("DOCKER_HOST")).expect("DOCKER_HOST");
        docker.negotiate_version().await.expect("the engine answers")
    }

    /// Settings of an installation of one's own.
    pub(crate) fn settings() -> SandboxSettings {
        let installation = format!("test-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let images =
            ImageSettings::read(few_images(&few_state(), &[]), agent(), |name| std::env::var(name).ok())
                .expect("settings of images");
        let state_dir = few_state();
        let mut settings = SandboxSettings::new(installation, RunnerId(Uuid::new_v4()), state_dir, images);
        settings.docker_host = Some(variable("DOCKER_HOST"));
        settings.store_bytes = 16 << 30;
        settings
    }

    /// A prepared machine with every lab image: the golden volume that other test binaries use too.
    pub(crate) async fn with_all_images() -> Self {
        Self::with(|settings| {
            settings.images.folder = all_images();
            settings.state_dir = PathBuf::from(variable("CONTAINRLAB_TEST_STATE_DIR"));
            settings.store_bytes = 64 << 30;
        })
        .await
    }

    /// A new sandbox.
    pub(crate) async fn create(&self) -> Sandbox {
        self.sandboxes.create(spec()).await.expect("a sandbox")
    }

    /// The names of all containers of a sandbox: one, or none.
    pub(crate) async fn containers_of(&self, id: SandboxId) -> Vec<String> {
        let all = self.docker.list_containers(Some(bollard::query_parameters::ListContainersOptions {
            all: true,
            ..Default::default()
        }));
        let names = all
            .await
            .expect("list containers")
            .into_iter()
            .flat_map(|container| container.names.unwrap_or_default());
        names.filter(|name| name.contains(&id.to_string())).collect()
    }

    /// Whatever the machine still has of a sandbox: containers, mounts, volumes.
    pub(crate) async fn traces_of(&self, id: SandboxId) -> Vec<String> {
        let text = id.to_string();
        let mut traces = self.containers_of(id).await;
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
        traces.extend(mounts.lines().filter(|line| line.contains(&text)).map(str::to_owned));
        traces.extend(folders_named(&self.settings.state_dir, &text));
        traces
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        // A runtime and connections of its own: the test's are on their way out.
        let settings = self.settings.clone();
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async { Sandboxes::connect(settings.clone()).await?.clean().await })?;
            if settings.state_dir != few_state() && settings.state_dir.starts_with(few_state()) {
                std::fs::remove_dir_all(&settings.state_dir).expect("the folder is ours");
            }
            Ok::<(), SandboxError>(())
        });
        match cleaner.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) if !std::thread::panicking() => {
                panic!("the test leaves something behind: {error}")
            }
            other => eprintln!("the test leaves something behind: {other:?}"),
        }
    }
}

/// A fresh id for a fresh session.
pub(crate) fn spec() -> SandboxSpec {
    SandboxSpec {
        id: SandboxId(Uuid::new_v4()),
        role: Role::Session,
        session: SessionId(Uuid::new_v4()),
        lease: LeaseId(Uuid::new_v4()),
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i64,
    pub(crate) output: String,
}

/// Runs a shell script in a sandbox as the learner, by the engine and not by the agent: a second way in.
pub(crate) async fn learner(bed: &Bed, sandbox: &Sandbox, script: &str) -> Ended {
    run_as(bed, sandbox, "learner", script).await
}

/// Runs a script as the learner that ends at its first failure, and gives what it said.
pub(crate) async fn works(bed: &Bed, sandbox: &Sandbox, script: &str) -> String {
    let Ended { code, output } = learner(bed, sandbox, &format!("set -euo pipefail; {script}")).await;
    assert_eq!(code, 0, "{script}\n{output}");
    output
}

/// Runs a shell script in a sandbox.
pub(crate) async fn run_as(bed: &Bed, sandbox: &Sandbox, user: &str, script: &str) -> Ended {
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        user: Some(user.to_owned()),
        working_dir: Some("/workspace".to_owned()),
        env: Some(vec![
            "DOCKER_HOST=unix:///run/user/1000/docker.sock".to_owned(),
            "HOME=/home/learner".to_owned(),
        ]),
        cmd: Some(vec!["bash".to_owned(), "-c".to_owned(), script.to_owned()]),
        ..CreateExecOptions::default()
    };
    let exec = bed.docker.create_exec(sandbox.container(), options).await.expect("make an exec").id;
    let StartExecResults::Attached { mut output, .. } =
        bed.docker.start_exec(&exec, None).await.expect("start it")
    else {
        panic!("not attached");
    };
    let mut text = String::new();
    while let Some(part) = output.next().await {
        if let LogOutput::StdOut { message } | LogOutput::StdErr { message } = part.expect("output") {
            text.push_str(&String::from_utf8_lossy(&message));
        }
    }
    let code = bed.docker.inspect_exec(&exec).await.expect("look at it").exit_code.expect("it has ended");
    Ended { code, output: text }
}

/// Waits until something is true.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !check().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set. These tests need a Docker engine and a state folder: run them with `make test`")
    })
}

fn few_state() -> PathBuf {
    state_dir_of_few(Path::new(&variable("CONTAINRLAB_TEST_STATE_DIR")))
}

/// The agent that was built with these tests.
fn agent() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let agent = test.ancestors().nth(2).expect("target/debug").join("containrlab-agent");
    assert!(
        agent.is_file(),
        "{} is not built: run `cargo build -p containrlab-agent`, or `make test`",
        agent.display()
    );
    agent
}

/// Volumes whose name is `text`. They lie in folders of ours only; a learner's are not looked into.
fn folders_named(state_dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![state_dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if name.to_string_lossy() == text {
                found.push(path.display().to_string());
            } else if path.is_dir() && path.components().count() < state_dir.components().count() + 5 {
                folders.push(path);
            }
        }
    }
    found
}
