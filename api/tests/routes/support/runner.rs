//! What a runner does, done by hand: its commands on the ledger, in its order.

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Attempt, AttemptCommand, Basis, JudgeKit};
use containrlab_domain::ids::{
    AttemptId, JobId, LeaseId, RecordingId, RequestId, RunnerId, SandboxId, SessionId, WorkspaceId,
};
use containrlab_domain::job::{Claim, JobOutcome};
use containrlab_domain::session::{Session, SessionCommand};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::{Workspace, WorkspaceCommand};
use containrlab_store::{JobRowState, NewRunner, RecordingKind, Store};
use uuid::Uuid;

/// Somebody who does a runner's work.
pub(crate) struct Runner {
    pub(crate) store: Store,
    pub(crate) id: RunnerId,
}

/// A job that was taken.
pub(crate) struct Taken {
    pub(crate) lease: LeaseId,
    pub(crate) log: RecordingId,
}

impl Runner {
    /// A runner whose gateway is at this address.
    pub(crate) async fn at(store: &Store, address: &str) -> Self {
        let id = RunnerId(Uuid::new_v4());
        let runner = NewRunner {
            runner_id: id,
            name: "by hand".to_owned(),
            address: address.to_owned(),
            capacity: 4,
            kit: JudgeKit::with_images([].into()),
        };
        store.register_runner(&runner).await.expect("registered");
        Self { store: store.clone(), id }
    }

    /// A runner whose gateway nobody can reach.
    pub(crate) async fn new(store: &Store) -> Self {
        Self::at(store, "http://127.0.0.1:1").await
    }

    pub(crate) fn by(&self) -> Provenance {
        Provenance { actor: Actor::System("runner"), request: RequestId(Uuid::new_v4()) }
    }

    fn claim(&self) -> Claim {
        Claim { lease: LeaseId(Uuid::new_v4()), runner: self.id }
    }

    pub(crate) async fn session(&self, id: SessionId, command: SessionCommand) {
        self.store.execute::<Session>(id.0, command, &self.by()).await.expect("the session takes it");
    }

    pub(crate) async fn attempt(&self, id: AttemptId, command: AttemptCommand) {
        self.store.execute::<Attempt>(id.0, command, &self.by()).await.expect("the attempt takes it");
    }

    /// A change made in the session's terminal.
    pub(crate) async fn in_terminal(&self, id: SessionId, command: WorkspaceCommand) {
        let by = Provenance { actor: Actor::Terminal(id), request: RequestId(Uuid::new_v4()) };
        self.store
            .execute::<Workspace>(WorkspaceId::of(id).0, command, &by)
            .await
            .expect("the workspace takes it");
    }

    /// Takes the provision job.
    pub(crate) async fn begin(&self, id: SessionId) -> LeaseId {
        let claim = self.claim();
        let lease = claim.lease;
        self.session(id, SessionCommand::StartProvisioning { claim }).await;
        lease
    }

    /// Says that the sandbox is up.
    pub(crate) async fn ready(&self, id: SessionId, lease: LeaseId) {
        let sandbox = SandboxId(Uuid::new_v4());
        self.session(id, SessionCommand::MarkReady { lease, sandbox, warm: false }).await;
    }

    /// Gives a session its sandbox.
    pub(crate) async fn provision(&self, id: SessionId) {
        let lease = self.begin(id).await;
        self.ready(id, lease).await;
    }

    /// Takes a build, run or command.
    pub(crate) async fn take(&self, id: SessionId, job: JobId) -> Taken {
        let (claim, log) = (self.claim(), self.open_log(id).await);
        let lease = claim.lease;
        self.session(id, SessionCommand::StartJob { job, claim, log }).await;
        Taken { lease, log }
    }

    /// Writes to a log.
    pub(crate) async fn say(&self, log: RecordingId, position: u64, text: &str) -> u64 {
        self.store.append_recording(log, position, text.as_bytes()).await.expect("kept")
    }

    /// Finishes a job with an exit code.
    pub(crate) async fn finish(&self, id: SessionId, job: JobId, taken: &Taken, code: i32) {
        self.store.close_recording(taken.log).await.expect("closed");
        let outcome = JobOutcome::Exited { code, milliseconds: 1500 };
        self.session(id, SessionCommand::FinishJob { job, lease: taken.lease, outcome }).await;
    }

    /// Takes an attempt to judge.
    pub(crate) async fn judge(&self, session: SessionId, id: AttemptId) -> Taken {
        let (claim, log) = (self.claim(), self.open_log(session).await);
        let lease = claim.lease;
        let mut jobs = self.store.jobs_of(session).await.expect("jobs").into_iter();
        let open = jobs.rfind(|job| job.aggregate_id == id.0 && job.state != JobRowState::Done);
        let job = open.expect("a job that judges it").job_id;
        self.attempt(id, AttemptCommand::StartJudging { job, claim, log }).await;
        Taken { lease, log }
    }

    /// Says a verdict.
    pub(crate) async fn say_verdict(&self, id: AttemptId, taken: &Taken, verdict: Verdict) {
        self.say_verdict_on(id, taken, verdict, None).await;
    }

    /// Says a verdict, and what it rests on.
    pub(crate) async fn say_verdict_on(
        &self,
        id: AttemptId,
        taken: &Taken,
        verdict: Verdict,
        basis: Option<Basis>,
    ) {
        self.store.close_recording(taken.log).await.expect("closed");
        self.attempt(id, AttemptCommand::Judge { lease: taken.lease, verdict, basis }).await;
    }

    /// Cleans a session up that is ending.
    pub(crate) async fn clean_up(&self, id: SessionId) {
        let claim = self.claim();
        let lease = claim.lease;
        self.session(id, SessionCommand::StartEnding { claim }).await;
        self.session(id, SessionCommand::FinishEnding { lease }).await;
    }

    async fn open_log(&self, session: SessionId) -> RecordingId {
        let log = RecordingId(Uuid::new_v4());
        self.store.open_recording(log, session, RecordingKind::Log).await.expect("opened");
        log
    }
}
