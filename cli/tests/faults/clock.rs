//! Runners whose clocks are wrong.

use std::time::{Duration, SystemTime};

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, JobId, LearnerId, WorkspaceId};
use containrlab_domain::session::Phase;
use containrlab_store::JobRowState;
use futures::future::join_all;
use uuid::Uuid;

use super::house::{House, Setup};
use super::work::{by, exec, lab, request_session, until, until_job, until_ready};

/// One clock is ten minutes fast, the other ten minutes slow. Nothing is done late or twice for it, nobody is taken for dead,
/// and sessions end when PostgreSQL says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_ten_minutes_wrong_does_no_harm() {
    const SESSIONS: usize = 4;
    // Each runner has to take half of the sessions. Not in such haste that a busy machine would lose a lease.
    let house = House::start_as(Setup {
        clocks: vec![600, -600],
        haste: 3,
        capacity: SESSIONS / 2,
        ..Setup::with(2)
    })
    .await;
    let store = house.store().await;
    let learners: Vec<LearnerId> = (0..SESSIONS).map(|_| LearnerId(Uuid::now_v7())).collect();
    let sessions = join_all(learners.iter().map(|learner| request_session(&store, *learner, 1800))).await;
    let rows = join_all(sessions.iter().map(|session| until_ready(&store, *session))).await;
    let mut runners: Vec<_> = rows.iter().filter_map(|row| row.runner_id).collect();
    runners.sort_unstable();
    runners.dedup();
    assert_eq!(runners.len(), 2, "both runners take part");
    for runner in &house.runners {
        assert!(minutes_wrong(&runner.said()).abs() >= 9, "its clock is right: {}", runner.said());
    }

    // A command for each sandbox, by whoever holds it, and a verdict for each workspace, by either.
    let jobs = join_all(sessions.iter().map(|session| exec(&store, *session, "echo done >> effects"))).await;
    let judgements = join_all(sessions.iter().zip(&learners).map(|(session, learner)| async {
        let (tree, _) =
            store.workspace_tree(WorkspaceId::of(*session)).await.expect("a read").expect("a workspace");
        let tree = store.put_tree(&tree).await.expect("a tree");
        let (attempt, judge_job) = (AttemptId(Uuid::now_v7()), JobId(Uuid::now_v7()));
        let (session, learner) = (*session, *learner);
        let submit = AttemptCommand::Submit {
            attempt,
            session,
            learner,
            lab: lab(),
            tree,
            judge_job,
            looks_at_session: false,
        };
        store.execute::<Attempt>(attempt.0, submit, &by()).await.expect("an attempt");
        judge_job
    }))
    .await;
    for job in jobs.iter().chain(&judgements) {
        let row = until_job(&store, *job, JobRowState::Done).await;
        let waited = row.started_at.expect("a start").duration_since(row.requested_at);
        // Not for ten minutes; a busy machine may need a moment.
        assert!(waited.as_secs() < 30, "{:?} waited for {waited}", row.kind);
    }

    // Their time is up in a moment, all at once.
    let (database, connection) = tokio_postgres::connect(&house.services.database_url, tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL");
    let connection = tokio::spawn(connection);
    let soon = "update sessions set expires_at = clock_timestamp() + interval '1 s'";
    database.execute(soon, &[]).await.expect("their time is turned");
    until("all sessions are over", async || {
        for session in &sessions {
            if store.session(*session).await.expect("a read")?.phase != Phase::Ended {
                return None;
            }
        }
        Some(())
    })
    .await;
    let sql = "select event_type, extract(epoch from recorded_at - expires_at)::float8 \
        from events join sessions using (session_id) \
        where event_type in ('SessionEndRequested', 'SessionEnded')";
    let ends = database.query(sql, &[]).await.expect("a read");
    assert_eq!(ends.len(), 2 * SESSIONS, "each session ends once");
    for row in &ends {
        let (event, late): (String, f64) = (row.get(0), row.get(1));
        // Keeping the files and removing the sandbox takes what it takes.
        let most = if event == "SessionEnded" { 10.0 } else { 2.0 };
        assert!((0.0..most).contains(&late), "{event} {late} s after the session's time was up");
    }
    let started =
        database.query("select kind, starts from jobs where starts <> 1", &[]).await.expect("a read");
    assert!(started.is_empty(), "{} jobs were not started once", started.len());
    drop(database);
    connection.await.expect("it ends").expect("in order");
    for runner in &runners {
        let counters = house.counters(&store, *runner).await;
        for harmless in ["job_leases_lost", "job_outcomes_refused", "job_starts_refused", "job_panics"] {
            assert_eq!(counters[harmless], 0, "{counters:?}");
        }
    }
    for runner in &house.runners {
        assert!(!runner.said().contains("a worker failed"), "{}", runner.said());
    }
}

/// By how many minutes the clock of a process is wrong, by what its log says.
fn minutes_wrong(log: &str) -> i64 {
    let stamp = log.lines().find_map(|line| {
        line.split_whitespace()
            .next()?
            .trim_matches(|letter: char| !letter.is_ascii_alphanumeric())
            .parse()
            .ok()
    });
    let stamp: SystemTime = stamp.map(|stamp: jiff::Timestamp| stamp.into()).expect("a time in its log");
    let apart = |time: Duration| i64::try_from(time.as_secs() / 60).expect("a short time");
    match stamp.duration_since(SystemTime::now()) {
        Ok(fast) => apart(fast),
        Err(slow) => -apart(slow.duration()),
    }
}
