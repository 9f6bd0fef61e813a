//! Work given to the system by way of its ledger, and waiting for what becomes of it.

use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{JobId, LabRef, LabSlug, LearnerId, RequestId, SessionId};
use containrlab_domain::session::{Origin, Phase, Session, SessionCommand, Work};
use containrlab_store::labs::LabCatalog;
use containrlab_store::{JobRow, JobRowState, SessionRow, Store};
use uuid::Uuid;

use super::PATIENCE;
use super::house::House;

/// The first lab, as it is now.
pub(crate) fn lab() -> LabRef {
    let labs = LabCatalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../labs").as_ref()).expect("the labs");
    labs.get(&LabSlug::new("lab1").expect("a slug")).expect("a lab").reference()
}

pub(crate) fn by() -> Provenance {
    Provenance { actor: Actor::System("test"), request: RequestId(Uuid::now_v7()) }
}

/// Asks for a session that lives for so long.
pub(crate) async fn request_session(store: &Store, learner: LearnerId, ttl_seconds: u64) -> SessionId {
    let session = SessionId(Uuid::now_v7());
    let command = SessionCommand::Request {
        session,
        learner,
        lab: lab(),
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds,
    };
    store.execute::<Session>(session.0, command, &by()).await.expect("a session");
    session
}

/// Asks for a command in the session's sandbox.
pub(crate) async fn exec(store: &Store, session: SessionId, script: &str) -> JobId {
    let job = JobId(Uuid::now_v7());
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    let command = SessionCommand::RequestJob { job, work: Work::Exec { argv, timeout_seconds: 120 } };
    store.execute::<Session>(session.0, command, &by()).await.expect("a job");
    job
}

/// Waits until something is there.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "still not true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the session has its sandbox.
pub(crate) async fn until_ready(store: &Store, session: SessionId) -> SessionRow {
    until("the session is ready", async || {
        store.session(session).await.expect("a read").filter(|row| row.phase == Phase::Ready)
    })
    .await
}

/// Waits until the job stands there.
pub(crate) async fn until_job(store: &Store, job: JobId, state: JobRowState) -> JobRow {
    until(&format!("the job is {state:?}"), async || {
        store.job(job).await.expect("a read").filter(|row| row.state == state)
    })
    .await
}

/// Waits for the outcome, and brings runners back whenever they are dead.
pub(crate) async fn until_done(house: &mut House, store: &Store, job: JobId) -> JobRow {
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        for runner in &mut house.runners {
            runner.revive(None);
        }
        let row = store.job(job).await.expect("a read").expect("the job");
        if row.state == JobRowState::Done {
            return row;
        }
        assert!(Instant::now() < end, "no outcome: {row:?}\n{}", house.runners[0].said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
