//! A job that kills its runner each time.

use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{JobId, LabSlug, LearnerId, RequestId, SessionId};
use containrlab_domain::job::{JobOutcome, MAX_STARTS};
use containrlab_domain::session::{Origin, Phase, Session, SessionCommand, Work};
use containrlab_store::labs::LabCatalog;
use containrlab_store::{JobRow, JobRowState, Store};
use uuid::Uuid;

use super::PATIENCE;
use super::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_runner_is_given_up_and_the_next_one_runs() {
    // Patient enough that a runner which comes back at once is not taken for dead.
    let mut house = House::start_at(1, 3).await;
    let store = house.store().await;
    let session = start_session(&store).await;
    let until = Instant::now() + PATIENCE;
    while store.session(session).await.expect("a read").is_none_or(|row| row.phase != Phase::Ready) {
        assert!(Instant::now() < until, "no sandbox: {}", house.runners[0].said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let poison = format!("kill -9 $(cat {}); sleep 60", house.runners[0].pid_file().display());
    let row = until_done(&mut house, &store, exec(&store, session, &poison).await).await;
    assert_eq!(row.outcome, Some(JobOutcome::worker_crashed()));
    assert_eq!(row.starts, MAX_STARTS);

    let row = until_done(&mut house, &store, exec(&store, session, "true").await).await;
    assert!(row.outcome.as_ref().is_some_and(JobOutcome::succeeded), "{row:?}");
}

async fn start_session(store: &Store) -> SessionId {
    let labs = LabCatalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../labs").as_ref()).expect("the labs");
    let lab = labs.get(&LabSlug::new("lab1").expect("a slug")).expect("a lab").reference();
    let session = SessionId(Uuid::now_v7());
    let command = SessionCommand::Request {
        session,
        learner: LearnerId(Uuid::now_v7()),
        lab,
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds: 1800,
    };
    store.execute::<Session>(session.0, command, &by()).await.expect("a session");
    session
}

async fn exec(store: &Store, session: SessionId, script: &str) -> JobId {
    let job = JobId(Uuid::now_v7());
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    let command = SessionCommand::RequestJob { job, work: Work::Exec { argv, timeout_seconds: 120 } };
    store.execute::<Session>(session.0, command, &by()).await.expect("a job");
    job
}

/// Waits for the outcome, and brings the runner back whenever it is dead.
async fn until_done(house: &mut House, store: &Store, job: JobId) -> JobRow {
    let until = Instant::now() + 2 * PATIENCE;
    loop {
        house.runners[0].revive(None);
        let row = store.job(job).await.expect("a read").expect("the job");
        if row.state == JobRowState::Done {
            return row;
        }
        assert!(Instant::now() < until, "no outcome: {row:?}\n{}", house.runners[0].said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn by() -> Provenance {
    Provenance { actor: Actor::System("test"), request: RequestId(Uuid::now_v7()) }
}
