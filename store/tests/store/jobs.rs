//! Jobs between workers: starts, leases, outcomes.

use std::time::Duration;

use containrlab_domain::ids::LeaseId;
use containrlab_domain::job::{JobOutcome, JobRefusal, MAX_STARTS};
use containrlab_domain::session::{Session, SessionCommand, SessionError};
use containrlab_store::testing::TestStore;
use containrlab_store::{CommandError, JobRowState, LEASE};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{by, claim, exec, learner, ready, runner, start};

const OK: JobOutcome = JobOutcome::Exited { code: 0, milliseconds: 5 };

/// As if the worker had been silent for longer than its lease.
async fn let_lease_lapse(store: &TestStore) {
    let sql = "update jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'held'";
    store.sql().await.execute(sql, &[]).await.unwrap();
}

#[tokio::test]
async fn a_job_is_held_from_its_start_and_done_with_its_outcome() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let job = exec(&store, session).await;
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!((row.state, row.starts), (JobRowState::Owed, 0));
    assert_eq!(row.queue.to_string(), format!("runner:{runner}"));

    let claim = claim(runner);
    store.execute::<Session>(session.0, start(job, &claim), &by()).await.unwrap();
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!((row.state, row.starts, row.lease), (JobRowState::Held, 1, Some(claim.lease)));
    assert!(row.log_id.is_some() && row.started_at.is_some());

    let finish = SessionCommand::FinishJob { job, lease: claim.lease, outcome: OK };
    store.execute::<Session>(session.0, finish, &by()).await.unwrap();
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!((row.state, row.outcome), (JobRowState::Done, Some(OK)));
    assert!(!store.extend_lease(job, claim.lease, LEASE).await.unwrap(), "there is nothing left to hold");
}

#[tokio::test]
async fn while_one_holds_it_nobody_else_starts_it() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let job = exec(&store, session).await;
    let starts = join_all((0..6).map(|_| async {
        let claim = claim(runner);
        let started = store.execute::<Session>(session.0, start(job, &claim), &by()).await;
        started.map(|_| claim)
    }))
    .await;
    let won: Vec<_> = starts.iter().flatten().collect();
    assert_eq!(won.len(), 1, "{starts:?}");
    assert!(starts.iter().all(|start| matches!(start, Ok(_) | Err(CommandError::StillHeld))), "{starts:?}");
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!((row.lease, row.starts), (Some(won[0].lease), 1));
    // Not even the one start too many gives it up under the hands of the one who works on it.
    for _ in 0..MAX_STARTS {
        let again = store.execute::<Session>(session.0, start(job, &claim(runner)), &by()).await;
        assert!(matches!(again, Err(CommandError::StillHeld)), "{again:?}");
    }
}

#[tokio::test]
async fn a_stale_lease_is_refused_and_leaves_no_trace() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let job = exec(&store, session).await;
    let (slow, quick) = (claim(runner), claim(runner));
    store.execute::<Session>(session.0, start(job, &slow), &by()).await.unwrap();
    assert!(store.extend_lease(job, slow.lease, LEASE).await.unwrap());
    assert!(!store.extend_lease(job, LeaseId(Uuid::new_v4()), LEASE).await.unwrap());

    let_lease_lapse(&store).await;
    let started = store.execute::<Session>(session.0, start(job, &quick), &by()).await.unwrap();
    assert!(!store.extend_lease(job, slow.lease, LEASE).await.unwrap(), "the slow one hears that it lost");
    let finish = |lease| SessionCommand::FinishJob { job, lease, outcome: OK };
    let late = store.execute::<Session>(session.0, finish(slow.lease), &by()).await;
    let stale = SessionError::Job(JobRefusal::StaleLease);
    assert!(matches!(&late, Err(CommandError::Refused(error)) if *error == stale), "{late:?}");
    assert_eq!(store.load::<Session>(session.0).await.unwrap().1, started.version);

    store.execute::<Session>(session.0, finish(quick.lease), &by()).await.unwrap();
    let again = store.execute::<Session>(session.0, finish(quick.lease), &by()).await;
    let over = SessionError::Job(JobRefusal::Over);
    assert!(matches!(&again, Err(CommandError::Refused(error)) if *error == over), "{again:?}");
}

#[tokio::test]
async fn a_job_that_is_put_off_waits_and_is_released_in_order() {
    let store = TestStore::new().await;
    let (_, first) = crate::support::requested(&store, learner(), "lab1").await;
    let (_, second) = crate::support::requested(&store, learner(), "lab1").await;
    assert_eq!(store.relay_once().await.unwrap(), 2);
    for job in [second, first] {
        store.put_off(job, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Owed);
    }
    assert_eq!(store.relay_once().await.unwrap(), 0, "not before its time");
    let provision = containrlab_store::queue::Queue::Provision;
    assert_eq!(store.release_waiting(&provision).await.unwrap(), 2);
    assert_eq!(store.release_waiting(&provision).await.unwrap(), 0);
    assert_eq!(store.relay_once().await.unwrap(), 2);
}

#[tokio::test]
async fn a_job_that_somebody_holds_is_not_put_off() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let (session, job) = crate::support::requested(&store, learner(), "lab1").await;
    let claim = claim(runner);
    let take = SessionCommand::StartProvisioning { claim: claim.clone() };
    store.execute::<Session>(session.0, take, &by()).await.unwrap();
    store.put_off(job, Duration::from_secs(1)).await.unwrap();
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Held);

    let give_back = SessionCommand::ReleaseProvisioning { lease: claim.lease, reason: "no_disk".to_owned() };
    store.execute::<Session>(session.0, give_back, &by()).await.unwrap();
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Owed);
    assert_eq!(store.session(session).await.unwrap().unwrap().runner_id, None);
}
