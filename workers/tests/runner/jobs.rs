//! Jobs under leases.

use containrlab_domain::ids::{JobId, LeaseId, RunnerId, SandboxId};
use containrlab_domain::job::{Claim, JobOutcome};
use containrlab_domain::session::{EndReason, Phase, Session, SessionCommand, Work};
use containrlab_store::{CommandError, JobRowState};
use uuid::Uuid;

use crate::house::{
    House, by_somebody, exec, log_of, request_end, request_work, save, until, until_done, until_phase,
};

#[tokio::test]
async fn a_command_runs_with_the_editors_last_save_and_its_output_is_kept() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    save(&house.store, session, "note.txt", "saved a moment ago").await;
    let job = exec(&house.store, session, "cat note.txt; echo; echo oops >&2; exit 3").await;
    let row = until_done(&house.store, job).await;
    assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 3, .. })), "{row:?}");
    let log = log_of(&house.store, &row).await;
    assert!(log.contains("saved a moment ago") && log.contains("oops"), "{log:?}");
    let recording = house.store.recording(row.log_id.unwrap()).await.unwrap().unwrap();
    assert!(recording.closed_at.is_some());
}

#[tokio::test]
async fn output_appears_while_the_command_runs() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let job =
        exec(&house.store, session, "echo first; while [ ! -e go ]; do sleep 0.05; done; echo last").await;
    until("the first line is there", async || {
        let row = house.store.job(job).await.unwrap().unwrap();
        match row.log_id {
            Some(log) => crate::house::output(&house.store, log).await == b"first\n",
            None => false,
        }
    })
    .await;
    save(&house.store, session, "go", "").await;
    let row = until_done(&house.store, job).await;
    assert_eq!(log_of(&house.store, &row).await, "first\nlast\n");
}

#[tokio::test]
async fn a_command_that_runs_too_long_or_cannot_start_is_said() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let argv = ["sleep", "600"].map(str::to_owned).to_vec();
    let job = request_work(&house.store, session, Work::Exec { argv, timeout_seconds: 1 }).await;
    assert_eq!(until_done(&house.store, job).await.outcome, Some(JobOutcome::TimedOut { seconds: 1 }));

    let argv = vec!["no-such-program".to_owned()];
    let job = request_work(&house.store, session, Work::Exec { argv, timeout_seconds: 10 }).await;
    let row = until_done(&house.store, job).await;
    assert!(
        matches!(&row.outcome, Some(JobOutcome::Failed { reason, .. }) if reason == "cannot_start"),
        "{row:?}"
    );
}

#[tokio::test]
async fn the_end_of_a_session_stops_its_job_and_leaves_nothing() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let job = exec(&house.store, session, "sleep 600").await;
    until("it runs", async || house.store.job(job).await.unwrap().unwrap().state == JobRowState::Held).await;
    request_end(&house.store, session).await;
    until("it is over", async || house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    let row = until_done(&house.store, job).await;
    assert!(
        matches!(&row.outcome, Some(JobOutcome::Failed { reason, .. }) if reason == "session_ended"),
        "{row:?}"
    );
    assert!(house.sandboxes.ids().is_empty());
}

#[tokio::test]
async fn a_session_that_ends_while_it_starts_leaves_nothing() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    for _ in 0..5 {
        let session = house.request_session("lab1").await;
        until("a runner has it", async || {
            house.store.session(session).await.unwrap().unwrap().runner_id.is_some()
        })
        .await;
        request_end(&house.store, session).await;
        until("it is over", async || {
            house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended
        })
        .await;
    }
    until("nothing is left", async || house.sandboxes.ids().is_empty()).await;
}

#[tokio::test]
async fn without_room_sessions_wait_in_line_and_start_by_themselves() {
    let house = House::new().await;
    let _runner = house.start_runner_with(|settings| settings.capacity = Some(1)).await;
    let first = house.ready_session("lab1").await;
    let second = house.request_session("lab1").await;
    until("it stands in line", async || house.store.place_in_line(second).await.unwrap() == Some(1)).await;
    let third = house.request_session("lab1").await;
    until("it stands behind", async || house.store.place_in_line(third).await.unwrap() == Some(2)).await;
    assert_eq!(house.sandboxes.ids().len(), 1);

    request_end(&house.store, first).await;
    until_phase(&house.store, second, Phase::Ready).await;
    assert_eq!(house.store.session(third).await.unwrap().unwrap().phase, Phase::Starting);
    assert_eq!(house.sandboxes.ids().len(), 1);
    let waited = house.store.job(provision_job(&house, second).await).await.unwrap().unwrap();
    assert_eq!(waited.starts, 1, "waiting does not count as a start");
    request_end(&house.store, second).await;
    until("it is over", async || house.store.session(second).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    until_phase(&house.store, third, Phase::Ready).await;
}

async fn provision_job(house: &House, session: containrlab_domain::ids::SessionId) -> JobId {
    house.store.jobs_of(session).await.unwrap()[0].job_id
}

#[tokio::test]
async fn a_late_outcome_is_refused() {
    let house = House::new().await;
    let session = house.request_session("lab1").await;
    let claim = |n: u128| Claim { lease: LeaseId(Uuid::from_u128(n)), runner: RunnerId(Uuid::from_u128(9)) };
    let execute = async |command: SessionCommand| {
        house.store.execute::<Session>(session.0, command, &by_somebody()).await
    };
    execute(SessionCommand::StartProvisioning { claim: claim(1) }).await.unwrap();
    house
        .store
        .sql()
        .await
        .execute("update jobs set lease_until = now() - interval '1 second'", &[])
        .await
        .unwrap();
    // Another runner takes over.
    let _runner = house.start_runner().await;
    until_phase(&house.store, session, Phase::Ready).await;
    let late = SessionCommand::MarkReady {
        lease: claim(1).lease,
        sandbox: SandboxId(Uuid::from_u128(1)),
        warm: false,
    };
    assert!(matches!(execute(late).await, Err(CommandError::Refused(_))));
    let job = house.store.job(provision_job(&house, session).await).await.unwrap().unwrap();
    assert_eq!((job.state, job.starts), (JobRowState::Done, 2));
}

#[tokio::test]
async fn an_emptied_redis_loses_no_job() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    for n in 0..5 {
        let job = exec(&house.store, session, &format!("sleep 0.2; echo {n}")).await;
        house.store.empty_redis().await;
        let row = until_done(&house.store, job).await;
        assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{row:?}");
        assert_eq!(log_of(&house.store, &row).await, format!("{n}\n"));
    }
}

#[tokio::test]
async fn a_sandbox_that_dies_ends_its_session_with_a_reason() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let sandbox = house.store.session(session).await.unwrap().unwrap().sandbox_id.unwrap();
    house.sandboxes.kill(sandbox);
    until("it is over", async || house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    let row = house.store.session(session).await.unwrap().unwrap();
    assert_eq!(row.end_reason, Some(EndReason::SandboxDied { cause: "sandbox_died".to_owned() }));
    until("nothing is left", async || house.sandboxes.ids().is_empty()).await;
}
