//! What every test of the runner stands on: a store of its own, a relay, a reconciler, and runners that can be killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{
    AttemptId, JobId, LabRef, LabSlug, LearnerId, RecordingId, RequestId, RunnerId, SessionId, WorkspaceId,
};
use containrlab_domain::session::{EndReason, Origin, Phase, Session, SessionCommand, Work};
use containrlab_domain::workspace::{
    Expected, FileEntry, Tree, Workspace, WorkspaceCommand, WorkspaceLimits, WorkspacePath,
};
use containrlab_store::labs::LabCatalog;
use containrlab_store::testing::TestStore;
use containrlab_store::{AttemptRow, JobRow, JobRowState, SessionRow, Store};
use containrlab_workers::Settings;
use containrlab_workers::host::SandboxHost;
use containrlab_workers::images::ImageSettings;
use containrlab_workers::sandbox::SandboxSettings;
use containrlab_workers::testing::ProcessSandboxes;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// How long a test waits for something that has to come true by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the gateway asks for.
pub(crate) const TOKEN: &str = "the token of a test";

/// A store with its relay and reconciler, and a host of sandboxes, on which runners come and go.
pub(crate) struct House {
    pub(crate) store: TestStore,
    pub(crate) sandboxes: Arc<ProcessSandboxes>,
    pub(crate) labs: LabCatalog,
    pub(crate) runner: RunnerId,
    folder: TempDir,
    _background: DropGuard,
}

impl House {
    pub(crate) async fn new() -> Self {
        show_logs();
        let store = TestStore::new().await;
        // Short, because sockets lie below it.
        let folder = tempfile::Builder::new().prefix("clr").tempdir().expect("a folder");
        let sandboxes = Arc::new(ProcessSandboxes::new(agent(), folder.path().to_owned()));
        let labs = LabCatalog::load(&labs_dir()).expect("the labs are in order");
        let stop = CancellationToken::new();
        store.spawn_relay(stop.clone());
        store.spawn_reconciler(stop.clone());
        let runner = RunnerId(Uuid::now_v7());
        Self { store, sandboxes, labs, runner, folder, _background: stop.drop_guard() }
    }

    /// A runner's process on the stand-in sandboxes.
    pub(crate) async fn start_runner(&self) -> RunnerProcess {
        self.start_runner_with(|_| {}).await
    }

    pub(crate) async fn start_runner_with(&self, change: impl FnOnce(&mut Settings)) -> RunnerProcess {
        let mut settings = self.settings();
        change(&mut settings);
        RunnerProcess::start(&self.store, settings, Arc::clone(&self.sandboxes) as Arc<dyn SandboxHost>).await
    }

    /// What a runner is told here.
    pub(crate) fn settings(&self) -> Settings {
        let images = ImageSettings::default();
        let sandboxes = SandboxSettings::new("test", self.runner, self.folder.path().join("state"), images);
        let mut settings = Settings::new(TOKEN, labs_dir(), sandboxes);
        settings.capacity = Some(4);
        settings.shutdown_grace = Duration::from_secs(10);
        settings
    }

    pub(crate) async fn request_session(&self, lab: &str) -> SessionId {
        self.request_session_of(LearnerId(Uuid::now_v7()), lab, Origin::Starter).await
    }

    pub(crate) async fn request_session_of(
        &self,
        learner: LearnerId,
        lab: &str,
        origin: Origin,
    ) -> SessionId {
        request_session(&self.store, learner, self.lab(lab), origin).await
    }

    pub(crate) fn lab(&self, slug: &str) -> LabRef {
        self.labs.get(&LabSlug::new(slug).expect("a slug")).expect("the lab").reference()
    }

    /// A session whose sandbox is up.
    pub(crate) async fn ready_session(&self, lab: &str) -> SessionId {
        let session = self.request_session(lab).await;
        until_phase(&self.store, session, Phase::Ready).await;
        session
    }

    /// The workspace of a session's sandbox, seen from outside.
    pub(crate) async fn folder_of(&self, session: SessionId) -> PathBuf {
        let row = self.store.session(session).await.expect("a read").expect("the session");
        self.sandboxes.workspace(row.sandbox_id.expect("a sandbox"))
    }
}

/// A runner's process, as far as a test can have one: with a runtime and connections of its own, so that it can be killed
/// at any instruction.
pub(crate) struct RunnerProcess {
    runtime: Option<Runtime>,
    shutdown: CancellationToken,
    done: tokio::sync::oneshot::Receiver<Result<(), String>>,
    pub(crate) gateway: SocketAddr,
}

impl RunnerProcess {
    pub(crate) async fn start(store: &TestStore, mut settings: Settings, host: Arc<dyn SandboxHost>) -> Self {
        // Known beforehand, so that no address of an earlier process is taken for this one's.
        let gateway = free_address();
        settings.listen = gateway;
        let runner = settings.sandboxes.runner;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let shutdown = CancellationToken::new();
        let (tell, done) = tokio::sync::oneshot::channel();
        let (store_settings, stop) = (store.settings().clone(), shutdown.clone());
        runtime.spawn(async move {
            let store = Store::connect(store_settings).await.expect("PostgreSQL and Redis answer");
            let ended = containrlab_workers::run_on(settings, store, host, stop).await;
            if let Err(error) = &ended {
                eprintln!("the runner ended: {error}");
            }
            let _ = tell.send(ended.map_err(|error| error.to_string()));
        });
        let this = Self { runtime: Some(runtime), shutdown, done, gateway };
        let address = format!("http://{gateway}");
        until("the runner is there", async || {
            let row = store.runner(runner).await.expect("a read");
            row.is_some_and(|row| row.address == address)
                && tokio::net::TcpStream::connect(gateway).await.is_ok()
        })
        .await;
        this
    }

    /// As SIGTERM does it.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, &mut self.done).await.expect("the runner ends in time");
        ended.expect("it tells its end").expect("it ends in order");
    }

    /// As SIGKILL does it: nothing of it runs any further.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for RunnerProcess {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Shows what RUST_LOG asks for, to whoever looks into a failure.
pub(crate) fn show_logs() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // Only the first test of the process gets to set it.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

pub(crate) fn labs_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../labs")
}

/// The agent's program, which the workspace's build lays beside the tests.
pub(crate) fn agent() -> PathBuf {
    if let Ok(path) = std::env::var("CONTAINRLAB_AGENT") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test's own path");
    let agent = test.parent().and_then(|deps| deps.parent()).expect("target/debug").join("containrlab-agent");
    assert!(agent.exists(), "{} is missing: run `cargo build -p containrlab-agent`", agent.display());
    agent
}

/// A learner's own hand.
pub(crate) fn by(learner: LearnerId) -> Provenance {
    Provenance { actor: Actor::Learner(learner), request: RequestId(Uuid::now_v7()) }
}

/// Some learner's hand.
pub(crate) fn by_somebody() -> Provenance {
    by(LearnerId(Uuid::nil()))
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn request_session(
    store: &Store,
    learner: LearnerId,
    lab: LabRef,
    origin: Origin,
) -> SessionId {
    let session = SessionId(Uuid::now_v7());
    let provision_job = JobId(Uuid::now_v7());
    let command = SessionCommand::Request { session, learner, lab, origin, provision_job, ttl_seconds: 1800 };
    store.execute::<Session>(session.0, command, &by(learner)).await.expect("a session");
    session
}

pub(crate) async fn until_phase(store: &Store, session: SessionId, phase: Phase) -> SessionRow {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = store.session(session).await.expect("a read").expect("the session");
        if row.phase == phase {
            return row;
        }
        assert!(row.phase != Phase::Ended, "the session has ended: {:?}", row.end_reason);
        if Instant::now() >= deadline {
            let jobs = store.jobs_of(session).await.expect("a read");
            panic!("waited in vain for {phase:?}, it is {:?}; its jobs: {jobs:#?}", row.phase);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn request_end(store: &Store, session: SessionId) {
    let command = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(session.0, command, &by_somebody()).await.expect("an end");
}

pub(crate) async fn request_work(store: &Store, session: SessionId, work: Work) -> JobId {
    let job = JobId(Uuid::now_v7());
    let command = SessionCommand::RequestJob { job, work };
    store.execute::<Session>(session.0, command, &by_somebody()).await.expect("a job");
    job
}

pub(crate) async fn exec(store: &Store, session: SessionId, script: &str) -> JobId {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    request_work(store, session, Work::Exec { argv, timeout_seconds: 120 }).await
}

pub(crate) async fn until_done(store: &Store, job: JobId) -> JobRow {
    let deadline = Instant::now() + 4 * PATIENCE;
    loop {
        let row = store.job(job).await.expect("a read").expect("the job");
        if row.state == JobRowState::Done {
            return row;
        }
        assert!(Instant::now() < deadline, "waited in vain for {row:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whole output of a recording.
pub(crate) async fn output(store: &Store, recording: RecordingId) -> Vec<u8> {
    let mut all: Vec<u8> = Vec::new();
    loop {
        let chunks = store.read_recording(recording, all.len() as u64, 1 << 20).await.expect("a read");
        let before = all.len();
        for chunk in chunks.into_iter().filter(|chunk| chunk.code == containrlab_store::ChunkCode::Output) {
            assert_eq!(chunk.position, all.len() as u64, "the recording has no holes");
            all.extend_from_slice(&chunk.data);
        }
        if all.len() == before {
            return all;
        }
    }
}

pub(crate) async fn log_of(store: &Store, job: &JobRow) -> String {
    String::from_utf8_lossy(&output(store, job.log_id.expect("a log")).await).into_owned()
}

pub(crate) async fn tree(store: &Store, session: SessionId) -> Tree {
    store.workspace_tree(WorkspaceId::of(session)).await.expect("a read").expect("the workspace").0
}

pub(crate) fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).expect("a path")
}

/// What the ledger has under a path.
pub(crate) async fn content(store: &Store, session: SessionId, name: &str) -> Option<String> {
    let hash = tree(store, session).await.files.get(&path(name))?.hash.clone();
    let bytes = store.blob(&hash).await.expect("a read").expect("the blob");
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// As the editor saves.
pub(crate) async fn save(store: &Store, session: SessionId, name: &str, text: &str) {
    let hash = store.put_blob(text.as_bytes()).await.expect("a blob");
    let entry = FileEntry { hash, size: text.len() as u64, executable: false };
    let command = WorkspaceCommand::Write { path: path(name), entry, expected: Expected::Anything };
    store.execute::<Workspace>(session.0, command, &by_somebody()).await.expect("a save");
}

pub(crate) async fn delete(store: &Store, session: SessionId, name: &str) {
    let command = WorkspaceCommand::Delete { path: path(name) };
    store.execute::<Workspace>(session.0, command, &by_somebody()).await.expect("a deletion");
}

/// Hands in these files for a lab that looks at nothing else.
pub(crate) async fn submit(store: &Store, session: SessionId, lab: LabRef, tree: &Tree) -> AttemptId {
    hand_in(store, session, lab, tree, false).await
}

/// Hands in these files, and whatever is in the session's engine if the lab looks at that.
pub(crate) async fn hand_in(
    store: &Store,
    session: SessionId,
    lab: LabRef,
    tree: &Tree,
    looks_at_session: bool,
) -> AttemptId {
    let attempt = AttemptId(Uuid::now_v7());
    let learner = store.session(session).await.expect("a read").expect("the session").learner_id;
    let hash = store.put_tree(tree).await.expect("a tree");
    let judge_job = JobId(Uuid::now_v7());
    let command =
        AttemptCommand::Submit { attempt, session, learner, lab, tree: hash, judge_job, looks_at_session };
    store.execute::<Attempt>(attempt.0, command, &by(learner)).await.expect("an attempt");
    attempt
}

pub(crate) async fn until_judged(store: &Store, attempt: AttemptId) -> AttemptRow {
    let deadline = Instant::now() + 5 * PATIENCE;
    loop {
        let row = store.attempt(attempt).await.expect("a read").expect("the attempt");
        if row.verdict.is_some() {
            return row;
        }
        assert!(Instant::now() < deadline, "waited in vain for a verdict: {row:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The limits that the settings give by default.
pub(crate) fn limits() -> WorkspaceLimits {
    WorkspaceLimits::default()
}
