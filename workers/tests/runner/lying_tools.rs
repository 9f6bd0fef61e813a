//! A learner whose tools lie still gets the truth from the platform's own builds and runs.

use containrlab_domain::ids::{LearnerId, SessionId};
use containrlab_domain::job::JobOutcome;
use containrlab_domain::session::{Origin, Phase, Work};
use uuid::Uuid;

use crate::house::{exec, log_of, request_session, request_work, save, until_done, until_phase};
use crate::whole::Whole;

/// How a job came out, and what it logged.
async fn outcome(whole: &Whole, session: SessionId, work: Work) -> (Option<JobOutcome>, String) {
    let row = until_done(&whole.store, request_work(&whole.store, session, work).await).await;
    let log = log_of(&whole.store, &row).await;
    (row.outcome, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_and_runs_of_the_platform_are_not_taken_in_by_the_learners_tools() {
    let whole = Whole::new().await;
    let _runner = whole.start_runner().await;
    let store = &whole.store;
    let learner = LearnerId(Uuid::now_v7());
    let session = request_session(store, learner, whole.lab("lab1").reference(), Origin::Starter).await;
    until_phase(store, session, Phase::Ready).await;
    let laid = until_done(store, exec(store, session, include_str!("../support/lying_tools.sh")).await).await;
    let said = log_of(store, &laid).await;
    assert!(matches!(laid.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{:?}\n{said}", laid.outcome);

    save(store, session, "Dockerfile", "FROM busybox\nRUN echo wrong && exit 7\n").await;
    let (outcome_of_build, log) = outcome(&whole, session, Work::Build { tag: "app".to_owned() }).await;
    assert!(
        matches!(outcome_of_build, Some(JobOutcome::Exited { code: 1.., .. })),
        "{outcome_of_build:?}\n{log}"
    );
    assert!(log.contains("exit code: 7") && !log.contains("lies"), "{log}");

    save(store, session, "Dockerfile", "FROM busybox\nCMD echo the truth; sleep 1\n").await;
    let (outcome_of_build, log) = outcome(&whole, session, Work::Build { tag: "app".to_owned() }).await;
    assert!(
        matches!(outcome_of_build, Some(JobOutcome::Exited { code: 0, .. })),
        "{outcome_of_build:?}\n{log}"
    );
    let (outcome_of_run, log) =
        outcome(&whole, session, Work::Run { image: "app".to_owned(), ports: Vec::new() }).await;
    assert!(matches!(outcome_of_run, Some(JobOutcome::Exited { code: 0, .. })), "{outcome_of_run:?}\n{log}");
    assert!(log.contains("the truth") && !log.contains("lies"), "{log}");
}
