//! A process that stands still while it holds what all need: others take over, and what it writes when it goes on again is
//! refused, or does no harm.

use std::time::{Duration, Instant};

use containrlab_domain::ids::{JobId, LearnerId, SessionId};
use containrlab_domain::session::{EndReason, Phase, Session, SessionCommand};
use containrlab_store::testing::audit;
use containrlab_store::{JobRowState, Store};
use uuid::Uuid;

use super::house::House;
use super::person::Person;
use super::work::{by, request_session, until, until_ready};

/// Kills the api and starts it again, to stand still at this point; waits until it serves.
async fn arm_api(house: &mut House, point: &str) -> Person {
    house.api.kill();
    house.api.revive(Some(&format!("{point}:stop:1")));
    let (http, url) = (reqwest::Client::new(), house.url.clone());
    until("the api serves", async || http.get(format!("{url}/labs")).send().await.ok().map(drop)).await;
    Person::sign_in(&house.url).await
}

async fn sql(house: &House) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(&house.services.database_url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("PostgreSQL");
    // It ends with its client.
    tokio::spawn(connection);
    client
}

async fn until_over(store: &Store, session: SessionId) {
    until("the session is over", async || {
        let row = store.session(session).await.expect("a read")?;
        (row.phase == Phase::Ended).then_some(())
    })
    .await;
}

/// The session's end, and that nothing is wrong with the ledger then.
async fn end_well(store: &Store, session: SessionId) {
    let end = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(session.0, end, &by()).await.expect("it may end");
    until_over(store, session).await;
    assert_eq!(audit(store).await.expect("the ledger can be read"), Vec::<String>::new());
}

/// The relay has taken a job, and has told Redis or not; another relay pushes it, and it is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_stands_still_keeps_no_job_and_does_none_twice() {
    let mut house = House::start(1).await;
    let store = house.store().await;
    let session = Person::sign_in(&house.url).await.started_session().await;
    let runner =
        store.session(session).await.expect("a read").and_then(|row| row.runner_id).expect("a runner");
    let mut asked = 0;
    for point in ["relay_marked", "relay_pushed"] {
        let ada = arm_api(&mut house, point).await;
        let mut asking = Vec::new();
        // The runner's relay looks every second, and may have been quicker.
        while !house.api.has_stopped() {
            let ada = ada.clone();
            asking.push(tokio::spawn(async move { ada.exec(session, "echo done >> effects").await }));
            let wait = Instant::now() + Duration::from_secs(2);
            while !house.api.has_stopped() && Instant::now() < wait {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        asked += asking.len();
        until("all jobs are done, though the api stands still", async || {
            let jobs = store.jobs_of(session).await.expect("a read");
            let done = jobs.iter().filter(|job| job.work.is_some() && job.state == JobRowState::Done).count();
            (done == asked).then_some(())
        })
        .await;
        assert!(house.api.has_stopped());
        let repeated = house.counters(&store, runner).await["jobs_repeated"];

        house.api.resume();
        for answer in asking {
            answer.await.expect("whoever asked gets an answer");
        }
        until("its late commit is refused", async || {
            house.api.said().contains("the relay cannot push jobs").then_some(())
        })
        .await;
        if point == "relay_marked" {
            until("what it pushed too late is dropped", async || {
                (house.counters(&store, runner).await["jobs_repeated"] > repeated).then_some(())
            })
            .await;
        }
    }
    assert_eq!(house.written_into("effects"), "done\n".repeat(asked));
    for job in store.jobs_of(session).await.expect("a read") {
        assert_eq!(job.starts, 1, "{job:?}");
    }
    end_well(&store, session).await;
}

/// Whoever holds the reconciler's turn stands still: a session ends on time all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconciler_that_stands_still_delays_no_end() {
    let mut house = House::start(1).await;
    let store = house.store().await;
    let session = request_session(&store, LearnerId(Uuid::now_v7()), 1800).await;
    until_ready(&store, session).await;
    let sql = sql(&house).await;
    house.api.kill();
    house.api.revive(Some("turn_taken:stop:1"));
    house.api.until_it_stops().await;
    let now = "update sessions set expires_at = clock_timestamp()";
    assert_eq!(sql.execute(now, &[]).await.expect("its time is up"), 1);
    until_over(&store, session).await;
    assert!(house.api.has_stopped());
    house.api.resume();
    until("it sees that its turn is over", async || {
        house.api.said().contains("turn was over before its round").then_some(())
    })
    .await;
    let asked = "select extract(epoch from recorded_at - expires_at)::float8 \
        from events join sessions using (session_id) where event_type = 'SessionEndRequested'";
    let asked = sql.query(asked, &[]).await.expect("a read");
    assert_eq!(asked.len(), 1, "it was asked to end once");
    let late: f64 = asked[0].get(0);
    assert!(late >= 0.0, "{late} s after its time was up");
    let back = "update sessions set expires_at = ready_at + interval '1800 s'";
    assert_eq!(sql.execute(back, &[]).await.expect("its time as its events have it"), 1);
    assert_eq!(audit(&store).await.expect("the ledger can be read"), Vec::<String>::new());
}

/// The reconciler has found a session whose runner is silent, and stands still before it says so. When it goes on, the runner
/// has long spoken again: the session stays as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reconciler_found_long_ago_ends_no_session() {
    let mut house = House::start(1).await;
    let store = house.store().await;
    let session = request_session(&store, LearnerId(Uuid::now_v7()), 1800).await;
    let runner = until_ready(&store, session).await.runner_id.expect("a runner");
    house.api.kill();
    house.api.revive(Some("orphans_found:stop:1"));
    house.runners[0].stop();
    house.api.until_it_stops().await;
    let silent_at = store.runner(runner).await.expect("a read").expect("the runner").heartbeat_at;
    house.runners[0].resume();
    until("the runner speaks again", async || {
        let row = store.runner(runner).await.expect("a read")?;
        (row.alive && row.heartbeat_at > silent_at).then_some(())
    })
    .await;
    house.api.resume();
    until("its late word is refused", async || {
        house.api.said().contains("what was found of the session is no longer so").then_some(())
    })
    .await;
    let row = store.session(session).await.expect("a read").expect("the session");
    assert_eq!((row.phase, row.end_reason), (Phase::Ready, None));
    end_well(&store, session).await;
    let row = store.session(session).await.expect("a read").expect("the session");
    assert_eq!(row.end_reason, Some(EndReason::Learner));
}

/// Whoever has locked a projection stands still, with its rows and its checkpoint written and not committed: another one counts on,
/// and nothing is counted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projector_that_stands_still_holds_up_no_projection_and_counts_nothing_twice() {
    let mut house = House::start(1).await;
    let store = house.store().await;
    // Nobody asks it for anything: it may stand still before it has answered.
    house.api.kill();
    house.api.revive(Some("projection_advanced:stop:1"));
    let mut sessions = 0;
    // The runner's projector looks every second, too.
    while !house.api.has_stopped() {
        request_session(&store, LearnerId(Uuid::now_v7()), 1800).await;
        sessions += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    request_session(&store, LearnerId(Uuid::now_v7()), 1800).await;
    sessions += 1;
    let counted = async || -> u64 {
        store.lab_statistics().await.expect("a read").iter().map(|lab| lab.sessions).sum()
    };
    until("all are counted, though the api stands still", async || {
        (counted().await == sessions).then_some(())
    })
    .await;
    assert!(house.api.has_stopped());
    house.api.resume();
    until("its late commit is refused", async || {
        house.api.said().contains("the projections do not follow the log").then_some(())
    })
    .await;
    let caught_up = async || {
        let status = store.projection_status().await.expect("a read");
        status.iter().all(|build| build.behind_events == 0).then_some(())
    };
    until("the projections have caught up", caught_up).await;
    let live = store.lab_statistics().await.expect("a read");
    assert_eq!(counted().await, sessions);
    store.rebuild_projections(None).await.expect("a rebuild");
    assert_eq!(store.lab_statistics().await.expect("a read"), live);
}
