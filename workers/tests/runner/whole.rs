//! The main job from end to end, with the real engine: one story, because a sandbox costs seconds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use containrlab_domain::ids::{RunnerId, SessionId};
use containrlab_domain::job::JobOutcome;
use containrlab_domain::lab::LabFiles;
use containrlab_domain::session::{EndReason, Origin, Phase, Work};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use containrlab_store::labs::LabCatalog;
use containrlab_store::testing::TestStore;
use containrlab_workers::Settings;
use containrlab_workers::images::ImageSettings;
use containrlab_workers::sandbox::{SandboxError, SandboxSettings, Sandboxes};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::client::Client;
use crate::few_images::{all_images, few_images, state_dir_of_few};
use crate::house::{
    RunnerProcess, TOKEN, agent, hand_in, labs_dir, log_of, request_end, request_session, request_work, save,
    show_logs, until, until_done, until_judged, until_phase,
};
use crate::workspaces::flush;

/// A system with real sandboxes; everything of it is removed from the machine at the end.
pub(crate) struct Whole {
    pub(crate) store: TestStore,
    pub(crate) sandboxes: Sandboxes,
    settings: Settings,
    labs: LabCatalog,
    _background: DropGuard,
}

impl Whole {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With only the small images, and other settings of sandboxes.
    pub(crate) async fn with_few_images(change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let mut sandboxes = Self::settings_with_few_images();
        change(&mut sandboxes);
        Self::on(sandboxes).await
    }

    pub(crate) fn settings_with_few_images() -> SandboxSettings {
        let mut sandboxes = Self::sandbox_settings();
        sandboxes.state_dir = state_dir_of_few(&sandboxes.state_dir);
        sandboxes.store_bytes = 16 << 30;
        sandboxes.images.folder = few_images(&sandboxes.state_dir, &[]);
        sandboxes
    }

    /// With other settings of sandboxes.
    pub(crate) async fn with(change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let mut sandboxes = Self::sandbox_settings();
        change(&mut sandboxes);
        Self::on(sandboxes).await
    }

    /// Settings of an installation of one's own.
    fn sandbox_settings() -> SandboxSettings {
        let installation = format!("test-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let images = ImageSettings::read(all_images(), agent(), |name| std::env::var(name).ok())
            .expect("settings of images");
        let mut sandboxes =
            SandboxSettings::new(installation, RunnerId(Uuid::now_v7()), test_state_dir(), images);
        sandboxes.docker_host = Some(variable("DOCKER_HOST"));
        sandboxes
    }

    async fn on(sandboxes: SandboxSettings) -> Self {
        show_logs();
        let store = TestStore::new().await;
        let settings = Settings::new(TOKEN, labs_dir(), sandboxes.clone());
        let sandboxes = Sandboxes::connect(sandboxes).await.expect("the engine answers");
        sandboxes.prepare(&|line| println!("{line}")).await.expect("the machine is prepared");
        let labs = LabCatalog::load(&labs_dir()).expect("the labs are in order");
        let stop = CancellationToken::new();
        store.spawn_relay(stop.clone());
        store.spawn_reconciler(stop.clone());
        Self { store, sandboxes, settings, labs, _background: stop.drop_guard() }
    }

    pub(crate) async fn start_runner(&self) -> RunnerProcess {
        self.start_runner_with(|_| {}).await
    }

    pub(crate) async fn start_runner_with(&self, change: impl FnOnce(&mut Settings)) -> RunnerProcess {
        let mut settings = self.settings.clone();
        change(&mut settings);
        RunnerProcess::start(&self.store, settings, Arc::new(self.sandboxes.clone())).await
    }

    pub(crate) fn lab(&self, slug: &str) -> &containrlab_store::labs::LoadedLab {
        self.labs.all().into_iter().find(|lab| lab.lab.slug.as_str() == slug).expect("the lab")
    }

    /// Submits these files and waits for the verdict.
    pub(crate) async fn judge(&self, session: SessionId, slug: &str, files: &LabFiles) -> Verdict {
        let tree = self.store.put_files(files).await.expect("the files");
        let lab = self.lab(slug);
        let looks = lab.lab.looks_at_session();
        let attempt = hand_in(&self.store, session, lab.reference(), &tree, looks).await;
        let row = until_judged(&self.store, attempt).await;
        assert!(row.log_id.is_some());
        row.verdict.expect("a verdict")
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // A runtime and connections of its own: the test's are on their way out.
        let settings = self.settings.sandboxes.clone();
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async { Sandboxes::connect(settings.clone()).await?.clean().await })?;
            let shared = test_state_dir();
            if settings.state_dir != shared && settings.state_dir != state_dir_of_few(&shared) {
                std::fs::remove_dir_all(&settings.state_dir).expect("the folder is ours");
            }
            Ok::<(), SandboxError>(())
        });
        if !matches!(cleaner.join(), Ok(Ok(()))) {
            eprintln!("the test leaves something behind");
        }
    }
}

/// Where tests keep volumes.
pub(crate) fn test_state_dir() -> PathBuf {
    let state_dir = PathBuf::from(variable("CONTAINRLAB_TEST_STATE_DIR"));
    std::fs::create_dir_all(&state_dir).expect("the state folder");
    state_dir.canonicalize().expect("the state folder")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this needs a Docker engine and a state folder; run `make test`")
    })
}

/// Starter files with others on top.
pub(crate) fn on_top(starter: &LabFiles, solution: &LabFiles) -> LabFiles {
    let mut files: BTreeMap<_, _> = starter.clone();
    files.extend(solution.clone());
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_works_builds_runs_submits_and_ends() {
    let whole = Whole::new().await;
    let runner = whole.start_runner().await;
    let store = &whole.store;
    let lab = whole.lab("lab1");
    let learner = containrlab_domain::ids::LearnerId(Uuid::now_v7());
    let session = request_session(store, learner, lab.reference(), Origin::Starter).await;
    until_phase(store, session, Phase::Ready).await;

    // A shell that outlives its runner.
    let mut client = Client::connect(runner.gateway, session, 0).await;
    client.send("kept=42; docker version --format 'engine {{.Server.Version}}'; ls; id -un\n").await;
    client.until("learner\r\n").await;
    let text = client.text();
    assert!(text.contains("engine 2") && text.contains("app.py"), "{text}");
    let next = client.next;
    drop(client);
    runner.kill();
    let runner = whole.start_runner().await;
    let mut client = Client::connect(runner.gateway, session, next).await;
    assert_eq!(client.hello["from"], next);
    client.send("echo the same shell: $kept\n").await;
    client.until("the same shell: 42\r\n").await;

    // The solution comes in by the editor, a file by the terminal.
    for (path, bytes) in &lab.lab.solution {
        save(store, session, path, std::str::from_utf8(bytes).expect("text")).await;
    }
    client.send("echo note > note.txt; echo wri''tten\n").await;
    client.until("written\r\n").await;
    flush(runner.gateway, session).await;
    assert_eq!(crate::house::content(store, session, "note.txt").await.as_deref(), Some("note\n"));

    let job = request_work(store, session, Work::Build { tag: "app".to_owned() }).await;
    let row = until_done(store, job).await;
    let log = log_of(store, &row).await;
    assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{:?}\n{log}", row.outcome);
    assert!(log.contains("FROM"), "{log}");

    let run = Work::Run { image: "app".to_owned(), ports: vec![(8000, 8000)] };
    for _ in 0..2 {
        let row = until_done(store, request_work(store, session, run.clone()).await).await;
        let log = log_of(store, &row).await;
        assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{:?}\n{log}", row.outcome);
    }
    let argv = [
        "curl",
        "-s",
        "--retry",
        "20",
        "--retry-all-errors",
        "--retry-delay",
        "1",
        "http://localhost:8000/health",
    ];
    let exec = Work::Exec { argv: argv.map(str::to_owned).to_vec(), timeout_seconds: 60 };
    let row = until_done(store, request_work(store, session, exec).await).await;
    assert!(log_of(store, &row).await.contains("ok"));
    let row = until_done(
        store,
        request_work(store, session, Work::Run { image: "busybox".to_owned(), ports: vec![] }).await,
    )
    .await;
    // busybox' shell ends at once without a terminal, in good order.
    assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{:?}", row.outcome);

    // The judge tells a solution from a starter.
    let starter = whole.judge(session, "lab1", &lab.lab.starter).await;
    assert_eq!(starter.status, VerdictStatus::Failed);
    assert!(starter.failures.iter().any(|finding| finding.code == "dockerfile_missing"), "{starter:?}");
    let solution = whole.judge(session, "lab1", &on_top(&lab.lab.starter, &lab.lab.solution)).await;
    assert_eq!(solution.status, VerdictStatus::Passed, "{solution:?}");
    let wrong =
        lab.lab.wrong.iter().find(|wrong| wrong.name == "listens-on-localhost").expect("the wrong answer");
    let verdict = whole.judge(session, "lab1", &wrong.files).await;
    let codes: Vec<_> = verdict.failures.iter().map(|finding| finding.code.clone()).collect();
    assert_eq!(codes, wrong.codes, "{verdict:?}");
    let verifiers = async || whole.sandboxes.list().await.expect("a list").len() - 1;
    until("no verifier is left", async || verifiers().await == 0).await;

    request_end(store, session).await;
    until("it is over", async || store.session(session).await.unwrap().unwrap().phase == Phase::Ended).await;
    assert!(whole.sandboxes.list().await.expect("a list").is_empty());
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_killed_ends_its_session_with_a_reason() {
    let whole = Whole::new().await;
    let _runner = whole.start_runner().await;
    let learner = containrlab_domain::ids::LearnerId(Uuid::now_v7());
    let session =
        request_session(&whole.store, learner, whole.lab("lab1").reference(), Origin::Starter).await;
    let row = until_phase(&whole.store, session, Phase::Ready).await;
    let docker = bollard::Docker::connect_with_host(&variable("DOCKER_HOST")).expect("DOCKER_HOST");
    let docker = docker.negotiate_version().await.expect("the engine answers");
    let name = format!("containrlab-{}", row.sandbox_id.expect("a sandbox"));
    docker.kill_container(&name, None).await.expect("killed");
    until("it is over", async || whole.store.session(session).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    let ended = whole.store.session(session).await.unwrap().unwrap();
    let reason = EndReason::SandboxDied { cause: "sandbox_died".to_owned() };
    assert_eq!(ended.end_reason, Some(reason));
    until("nothing is left", async || whole.sandboxes.list().await.expect("a list").is_empty()).await;
}
