//! What the reconciler finds and mends.

use std::time::Duration;

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{JobId, RecordingId, RunnerId, SessionId};
use containrlab_domain::job::{Claim, JobOutcome, MAX_STARTS};
use containrlab_domain::session::{EndReason, Phase, Session, SessionCommand, SessionEvent};
use containrlab_domain::verdict::VerdictStatus;
use containrlab_store::queue::Queue;
use containrlab_store::testing::TestStore;
use containrlab_store::{JobRowState, Pace, Reconciled, RunnerState, Store};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{
    by, claim, eventually, exec, learner, ready, ready_for, requested, runner, start, submitted,
};

async fn reconcile(store: &Store) -> Reconciled {
    store.reconcile(Pace::default(), true).await.unwrap().expect("nobody else reconciles this database")
}

/// As if every worker had been silent for longer than its lease.
async fn let_leases_lapse(store: &TestStore) {
    let sql = "update jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'held'";
    store.sql().await.execute(sql, &[]).await.unwrap();
}

/// As if the jobs in Redis had waited for so long.
async fn let_wait(store: &TestStore, seconds: f64) {
    let sql = "update jobs set queued_at = queued_at - make_interval(secs => $1) where state = 'queued'";
    store.sql().await.execute(sql, &[&seconds]).await.unwrap();
}

/// As if a worker had taken the job's message.
async fn mark_taken(store: &TestStore, job: JobId) {
    let sql = "select push_id from jobs where job_id = $1";
    let push: String = store.sql().await.query_one(sql, &[&job.0]).await.unwrap().get(0);
    let queue = containrlab_store::queue::queue_name(&store.settings().namespace, &Queue::Provision);
    let client = redis::Client::open(store.settings().redis_url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let taken: usize = redis::cmd("LREM")
        .arg(format!("{queue}:active"))
        .arg(1)
        .arg(push)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(taken, 1);
}

/// As if the runner had been silent for a minute.
async fn silence(store: &TestStore, runner: RunnerId) {
    let sql =
        "update runners set heartbeat_at = clock_timestamp() - interval '1 minute' where runner_id = $1";
    store.sql().await.execute(sql, &[&runner.0]).await.unwrap();
}

#[tokio::test]
async fn with_nothing_amiss_it_does_nothing() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let job = exec(&store, session).await;
    store.relay_once().await.unwrap();
    let_wait(&store, 60.0).await;
    assert_eq!(reconcile(&store).await, Reconciled::default());
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Queued);
}

#[tokio::test]
async fn a_job_that_kills_its_workers_is_owed_again_and_then_given_up() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready(&store, learner(), "lab1", runner).await;
    let job = exec(&store, session).await;
    for round in 1..=MAX_STARTS {
        assert_eq!(store.relay_once().await.unwrap(), 1);
        store.execute::<Session>(session.0, start(job, &claim(runner)), &by()).await.unwrap();
        assert_eq!(reconcile(&store).await, Reconciled::default(), "its lease runs");
        let_leases_lapse(&store).await;
        assert_eq!(reconcile(&store).await.lapsed, 1);
        let row = store.job(job).await.unwrap().unwrap();
        assert_eq!((row.state, row.starts), (JobRowState::Owed, round));
    }
    assert_eq!(store.relay_once().await.unwrap(), 1);
    let given_up = store.execute::<Session>(session.0, start(job, &claim(runner)), &by()).await.unwrap();
    assert!(matches!(given_up.events[0].payload, SessionEvent::JobFinished { .. }));
    let row = store.job(job).await.unwrap().unwrap();
    assert_eq!((row.state, row.outcome), (JobRowState::Done, Some(JobOutcome::worker_crashed())));
    // What stood behind it flows.
    exec(&store, session).await;
    assert_eq!(store.relay_once().await.unwrap(), 1);
}

#[tokio::test]
async fn a_judge_that_dies_gives_way_to_another_and_then_to_no_verdict() {
    let store = TestStore::new().await;
    let (learner, runner) = (learner(), runner(&store).await);
    let session = ready(&store, learner, "lab1", runner).await;
    let (attempt, job) = submitted(&store, learner, session).await;
    let judging =
        || AttemptCommand::StartJudging { job, claim: claim(runner), log: RecordingId(Uuid::new_v4()) };
    for _ in 0..MAX_STARTS {
        store.execute::<Attempt>(attempt.0, judging(), &by()).await.unwrap();
        let_leases_lapse(&store).await;
        assert_eq!(reconcile(&store).await.lapsed, 1);
    }
    store.execute::<Attempt>(attempt.0, judging(), &by()).await.unwrap();
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!(row.status, Some(VerdictStatus::Inconclusive));
}

#[tokio::test]
async fn a_session_whose_time_is_up_is_asked_to_end_once() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready_for(&store, learner(), "lab1", runner, 0).await;
    let lasting = ready(&store, learner(), "lab1", runner).await;
    assert_eq!(reconcile(&store).await.expired, 1);
    assert_eq!(reconcile(&store).await.expired, 0);
    let row = store.session(session).await.unwrap().unwrap();
    assert_eq!((row.phase, row.end_reason), (Phase::Ending, Some(EndReason::Expired)));
    assert_eq!(store.session(lasting).await.unwrap().unwrap().phase, Phase::Ready);

    // Its runner cleans up.
    let ending = claim(runner);
    store
        .execute::<Session>(session.0, SessionCommand::StartEnding { claim: ending.clone() }, &by())
        .await
        .unwrap();
    store
        .execute::<Session>(session.0, SessionCommand::FinishEnding { lease: ending.lease }, &by())
        .await
        .unwrap();
    let row = store.session(session).await.unwrap().unwrap();
    assert_eq!((row.phase, row.ended_at.is_some()), (Phase::Ended, true));
    assert!(store.jobs_of(session).await.unwrap().iter().all(|job| job.state == JobRowState::Done));
}

/// Three processes reconcile, as with an api and two runners; the ends of many sessions come due in one second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_on_time_and_once_however_many_reconcile() {
    const SESSIONS: usize = 40;
    let store = TestStore::new().await;
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let others = [store.another().await, store.another().await];
    store.spawn_reconciler(shutdown.clone());
    for other in &others {
        other.spawn_reconciler(shutdown.clone());
    }
    let runner = runner(&store).await;
    let begin = (0..SESSIONS).map(|n| ready_for(&store, learner(), "lab1", runner, 1 + n as u64 % 2));
    // A few at a time: it is their ends that come due in one second.
    let sessions: Vec<SessionId> = stream::iter(begin).buffer_unordered(8).collect().await;
    eventually("all sessions are ending", async || {
        let sql = "select count(*) from sessions where phase = 'ready'";
        store.sql().await.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
    let asked = store
        .sql()
        .await
        .query(
            "select extract(epoch from recorded_at - expires_at)::float8 from events join sessions using (session_id) \
             where event_type = 'SessionEndRequested'",
            &[],
        )
        .await
        .unwrap();
    let late: Vec<f64> = asked.iter().map(|row| row.get(0)).collect();
    assert_eq!(late.len(), sessions.len(), "each end is asked for once");
    assert!(late.iter().all(|late| (0.0..2.0).contains(late)), "seconds after their time was up: {late:?}");
}

#[tokio::test]
async fn sessions_of_a_runner_that_is_gone_end_with_a_reason() {
    let store = TestStore::new().await;
    let (gone, here) = (runner(&store).await, runner(&store).await);
    let lost = ready(&store, learner(), "lab1", gone).await;
    let job = exec(&store, lost).await;
    let kept = ready(&store, learner(), "lab1", here).await;
    assert_eq!(reconcile(&store).await.abandoned, 0);
    silence(&store, gone).await;
    assert!(!store.runner(gone).await.unwrap().unwrap().alive);
    let pace = Pace::default();
    assert_eq!(
        store.reconcile(pace, false).await.unwrap().unwrap().abandoned,
        0,
        "runners get time to report"
    );
    assert_eq!(reconcile(&store).await.abandoned, 1);
    let row = store.session(lost).await.unwrap().unwrap();
    assert_eq!((row.phase, row.end_reason), (Phase::Ended, Some(EndReason::RunnerLost)));
    let row = store.job(job).await.unwrap().unwrap();
    assert!(matches!(row.outcome, Some(JobOutcome::Failed { reason, .. }) if reason == "session_ended"));
    assert_eq!(store.session(kept).await.unwrap().unwrap().phase, Phase::Ready);
    assert_eq!(store.sessions_on(here).await.unwrap().len(), 1);
    assert!(store.sessions_on(gone).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_that_was_ending_on_a_runner_that_is_gone_keeps_its_reason() {
    let store = TestStore::new().await;
    let gone = runner(&store).await;
    let session = ready_for(&store, learner(), "lab1", gone, 0).await;
    assert_eq!(reconcile(&store).await.expired, 1);
    silence(&store, gone).await;
    assert_eq!(reconcile(&store).await.abandoned, 1);
    let row = store.session(session).await.unwrap().unwrap();
    assert_eq!((row.phase, row.end_reason), (Phase::Ended, Some(EndReason::Expired)));
}

#[tokio::test]
async fn a_session_that_a_lost_runner_was_about_to_provide_for_goes_to_another() {
    let store = TestStore::new().await;
    let (gone, here) = (runner(&store).await, runner(&store).await);
    let (session, job) = requested(&store, learner(), "lab1").await;
    let take = |claim: &Claim| SessionCommand::StartProvisioning { claim: claim.clone() };
    store.execute::<Session>(session.0, take(&claim(gone)), &by()).await.unwrap();
    silence(&store, gone).await;
    let_leases_lapse(&store).await;
    let found = reconcile(&store).await;
    assert_eq!((found.lapsed, found.abandoned), (1, 0));
    assert_eq!(store.place_in_line(session).await.unwrap(), Some(1));
    assert_eq!(store.relay_once().await.unwrap(), 1);
    store.execute::<Session>(session.0, take(&claim(here)), &by()).await.unwrap();
    assert_eq!(store.job(job).await.unwrap().unwrap().runner_id, Some(here));
}

#[tokio::test]
async fn a_runner_speaks_or_must_register() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    assert!(store.heartbeat(runner, RunnerState::Draining).await.unwrap());
    let row = store.runner(runner).await.unwrap().unwrap();
    assert_eq!((row.state, row.alive), (RunnerState::Draining, true));
    store.heartbeat(runner, RunnerState::Stopped).await.unwrap();
    assert!(!store.runner(runner).await.unwrap().unwrap().alive);
    assert!(!store.heartbeat(RunnerId(Uuid::new_v4()), RunnerState::Active).await.unwrap());
    assert_eq!(store.runners().await.unwrap().len(), 1);
}

/// The reconciler has found a session whose time is up; before it says so, the session was extended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_extended_in_the_last_moment_goes_on() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let session = ready_for(&store, learner(), "lab1", runner, 0).await;
    let mut client = store.sql().await;
    let extending = client.transaction().await.unwrap();
    let lock = "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))";
    extending.execute(lock, &[&session.0]).await.unwrap();
    let other = store.another().await;
    let reconciling = tokio::spawn(async move { reconcile(&other).await });
    eventually("the reconciler has something to say", async || {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted \
            and database = (select oid from pg_database where datname = current_database())";
        store.sql().await.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    let later =
        "update sessions set expires_at = clock_timestamp() + interval '1 hour' where session_id = $1";
    extending.execute(later, &[&session.0]).await.unwrap();
    extending.commit().await.unwrap();
    assert_eq!(reconciling.await.unwrap().expired, 0);
    assert_eq!(store.session(session).await.unwrap().unwrap().phase, Phase::Ready);
}

#[tokio::test]
async fn one_at_a_time_reconciles() {
    let store = TestStore::new().await;
    let other = store.another().await;
    for _ in 0..20 {
        let (mine, theirs) =
            tokio::join!(store.reconcile(Pace::default(), true), other.reconcile(Pace::default(), true));
        let turns = [mine.unwrap(), theirs.unwrap()];
        assert!(turns.iter().any(Option::is_some), "somebody always does");
    }
    // A round that is broken off takes its lock along.
    for _ in 0..20 {
        let round = store.reconcile(Pace::default(), true);
        let _ = tokio::time::timeout(Duration::from_micros(500), round).await;
    }
    eventually("the lock is free", async || other.reconcile(Pace::default(), true).await.unwrap().is_some())
        .await;
}

#[tokio::test]
async fn a_job_in_redis_is_left_there_and_a_lost_one_is_pushed_again() {
    let store = TestStore::new().await;
    let (_, waiting) = requested(&store, learner(), "lab1").await;
    store.relay_once().await.unwrap();
    let_wait(&store, 60.0).await;
    assert_eq!(reconcile(&store).await.lost, 0, "a long line is no loss");
    store.empty_redis().await;
    assert_eq!(reconcile(&store).await.lost, 1);
    let row = store.job(waiting).await.unwrap().unwrap();
    assert_eq!((row.state, row.starts), (JobRowState::Owed, 0));
    assert_eq!(store.relay_once().await.unwrap(), 1);
    assert_eq!(reconcile(&store).await.lost, 0, "it was pushed just now");
    let_wait(&store, 60.0).await;
    assert_eq!(reconcile(&store).await.lost, 0);
    // A worker that took it and died says nothing any more. Redis' clock decides how long that is waited for.
    mark_taken(&store, waiting).await;
    let pace = Pace { queued: Duration::from_millis(1500), ..Pace::default() };
    let look = async || store.reconcile(pace, true).await.unwrap().expect("a turn").lost;
    assert_eq!(look().await, 0, "it was taken just now, however long it had waited before");
    eventually("the message counts as lost", async || look().await == 1).await;
    assert_eq!(store.relay_once().await.unwrap(), 1);
    let_wait(&store, 60.0).await;
    assert_eq!(reconcile(&store).await.lost, 0);
    // Even a message that Redis claims to have is not waited for without end.
    let_wait(&store, 3600.0).await;
    assert_eq!(reconcile(&store).await.lost, 1);
}

#[tokio::test]
async fn one_damaged_session_does_not_keep_the_others_from_their_end() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let damaged = ready_for(&store, learner(), "lab1", runner, 0).await;
    let sound = ready_for(&store, learner(), "lab1", runner, 0).await;
    let sql = "update events set payload = '{}' where aggregate_id = $1 and sequence = 2";
    store.sql().await.execute(sql, &[&damaged.0]).await.unwrap();
    // Of a process that has not read it before.
    reconcile(&store.another().await).await;
    assert_eq!(store.session(sound).await.unwrap().unwrap().phase, Phase::Ending);
}
