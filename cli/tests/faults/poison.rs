//! A job that kills its runner each time.

use containrlab_domain::ids::LearnerId;
use containrlab_domain::job::{JobOutcome, MAX_STARTS};
use uuid::Uuid;

use super::house::{House, Setup};
use super::work::{exec, request_session, until_done, until_ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_runner_is_given_up_and_the_next_one_runs() {
    // Patient enough that a runner which comes back at once is not taken for dead.
    let mut house = House::start_as(Setup { haste: 3, ..Setup::with(1) }).await;
    let store = house.store().await;
    let session = request_session(&store, LearnerId(Uuid::now_v7()), 1800).await;
    until_ready(&store, session).await;

    let poison = format!("kill -9 $(cat {}); sleep 60", house.runners[0].pid_file().display());
    let job = exec(&store, session, &poison).await;
    let row = until_done(&mut house, &store, job).await;
    assert_eq!(row.outcome, Some(JobOutcome::worker_crashed()));
    assert_eq!(row.starts, MAX_STARTS);
    // The operator sees it; what the learner sees is told by the tests of the pages.
    let jobs = house.command(&["jobs"]);
    assert!(jobs.contains("given up") && jobs.contains(&job.to_string()), "{jobs}");

    let next = exec(&store, session, "true").await;
    let row = until_done(&mut house, &store, next).await;
    assert!(row.outcome.as_ref().is_some_and(JobOutcome::succeeded), "{row:?}");
}
