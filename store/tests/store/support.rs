//! What most tests begin with.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Attempt, AttemptCommand, JudgeKit};
use containrlab_domain::ids::{
    AttemptId, JobId, LabRef, LabSlug, LabVersion, LearnerId, LeaseId, RecordingId, RequestId, RunnerId,
    SandboxId, SessionId,
};
use containrlab_domain::job::Claim;
use containrlab_domain::session::{Origin, Session, SessionCommand, Work};
use containrlab_domain::workspace::Tree;
use containrlab_store::{NewRunner, Store};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Chance that can be had again: the seed is printed, and `SEED` gives it.
pub(crate) fn chance() -> StdRng {
    let given = std::env::var("SEED").ok().filter(|text| !text.is_empty());
    let seed = given.map_or_else(|| rand::rng().random(), |text| text.parse().expect("SEED is a number"));
    println!("the same once more: SEED={seed}");
    StdRng::seed_from_u64(seed)
}

pub(crate) fn by() -> Provenance {
    Provenance { actor: Actor::System("test"), request: RequestId(Uuid::new_v4()) }
}

pub(crate) fn lab(slug: &str) -> LabRef {
    LabRef { slug: LabSlug::new(slug).expect("a slug"), version: LabVersion::of(slug.as_bytes()) }
}

pub(crate) fn learner() -> LearnerId {
    LearnerId(Uuid::new_v4())
}

pub(crate) fn claim(runner: RunnerId) -> Claim {
    Claim { lease: LeaseId(Uuid::new_v4()), runner }
}

/// A judge without images.
pub(crate) fn kit() -> JudgeKit {
    JudgeKit::with_images(BTreeMap::new())
}

pub(crate) async fn runner(store: &Store) -> RunnerId {
    let runner_id = RunnerId(Uuid::new_v4());
    let runner = NewRunner {
        runner_id,
        name: "test".to_owned(),
        address: "http://127.0.0.1:9".to_owned(),
        capacity: 8,
        kit: kit(),
    };
    store.register_runner(&runner).await.expect("the runner is registered");
    runner_id
}

pub(crate) fn request(
    session: SessionId,
    learner: LearnerId,
    slug: &str,
    ttl_seconds: u64,
) -> SessionCommand {
    SessionCommand::Request {
        session,
        learner,
        lab: lab(slug),
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds,
    }
}

/// A session that waits for its sandbox, and its provision job.
pub(crate) async fn requested(store: &Store, learner: LearnerId, slug: &str) -> (SessionId, JobId) {
    let session = SessionId(Uuid::new_v4());
    let command = request(session, learner, slug, 1800);
    let SessionCommand::Request { provision_job, .. } = command.clone() else { unreachable!() };
    store.execute::<Session>(session.0, command, &by()).await.expect("a session can be requested");
    (session, provision_job)
}

/// A session whose sandbox is up on this runner.
pub(crate) async fn ready(store: &Store, learner: LearnerId, slug: &str, runner: RunnerId) -> SessionId {
    ready_for(store, learner, slug, runner, 1800).await
}

/// As [`ready`], with so many seconds to live.
pub(crate) async fn ready_for(
    store: &Store,
    learner: LearnerId,
    slug: &str,
    runner: RunnerId,
    ttl_seconds: u64,
) -> SessionId {
    let session = SessionId(Uuid::new_v4());
    let claim = claim(runner);
    let sandbox = SandboxId(Uuid::new_v4());
    for command in [
        request(session, learner, slug, ttl_seconds),
        SessionCommand::StartProvisioning { claim: claim.clone() },
        SessionCommand::MarkReady { lease: claim.lease, sandbox, warm: false },
    ] {
        store.execute::<Session>(session.0, command, &by()).await.expect("the session comes up");
    }
    session
}

/// A command that the session's runner is to run.
pub(crate) async fn exec(store: &Store, session: SessionId) -> JobId {
    let job = JobId(Uuid::now_v7());
    let work = Work::Exec { argv: vec!["true".to_owned()], timeout_seconds: 10 };
    let command = SessionCommand::RequestJob { job, work };
    store.execute::<Session>(session.0, command, &by()).await.expect("a job can be requested");
    job
}

pub(crate) fn start(job: JobId, claim: &Claim) -> SessionCommand {
    SessionCommand::StartJob { job, claim: claim.clone(), log: RecordingId(Uuid::new_v4()) }
}

/// An attempt of an empty workspace that waits for its verdict.
pub(crate) async fn submitted(store: &Store, learner: LearnerId, session: SessionId) -> (AttemptId, JobId) {
    let tree = store.put_tree(&Tree::default()).await.expect("a tree can be kept");
    let (attempt, judge_job) = (AttemptId(Uuid::new_v4()), JobId(Uuid::now_v7()));
    let command = AttemptCommand::Submit {
        attempt,
        session,
        learner,
        lab: lab("lab1"),
        tree,
        judge_job,
        looks_at_session: false,
    };
    store.execute::<Attempt>(attempt.0, command, &by()).await.expect("an attempt can be submitted");
    (attempt, judge_job)
}

/// Waits until something is true, and fails with what it is when that takes more than 20 s.
pub(crate) async fn eventually<F, Fut>(what: &str, condition: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "still not true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
