//! Two runners that both think they hold a job.

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, JobId, LearnerId};
use containrlab_domain::workspace::Tree;
use containrlab_store::JobRowState;
use uuid::Uuid;

use super::house::House;
use super::work::{by, lab, request_session, until, until_job, until_ready};

/// A runner that stands still past its lease, with a judgement in its hands, and goes on when another has long judged: what it
/// has to say is refused, and leaves no trace but a number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_outcome_is_refused_and_counted() {
    let mut house = House::start(2).await;
    let store = house.store().await;
    let learner = LearnerId(Uuid::now_v7());
    let session = request_session(&store, learner, 1800).await;
    let quick = until_ready(&store, session).await.runner_id.expect("a runner");
    // The other one is to have the judgement first, and to stand still with it.
    let slow = house.runner_but(quick);
    let before = slow.times_ready();
    slow.kill();
    slow.revive(Some("started:stop:1"));
    until("it is back", async || (slow.times_ready() > before).then_some(())).await;
    house.runner_with(quick).stop();
    let tree = store.put_tree(&Tree::default()).await.expect("a tree");
    let (attempt, judge_job) = (AttemptId(Uuid::now_v7()), JobId(Uuid::now_v7()));
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

    house.runner_but(quick).until_it_stops().await;
    let slow = until_job(&store, judge_job, JobRowState::Held).await.runner_id.expect("whoever holds it");
    house.runner_with(quick).resume();
    let done = until_job(&store, judge_job, JobRowState::Done).await;
    assert_ne!(done.runner_id, Some(slow), "the other one has judged");
    assert_eq!(done.starts, 2);
    let judged = store.load::<Attempt>(attempt.0).await.expect("a read").1;
    assert_eq!(judged, 4, "submitted, begun, begun again, judged");

    house.runner_with(slow).resume();
    // Whether it hears first that its lease is lost, or comes to its end first: what it then says is refused.
    until("the late outcome is counted", async || {
        (house.counters(&store, slow).await["job_outcomes_refused"] > 0).then_some(())
    })
    .await;
    assert_eq!(store.load::<Attempt>(attempt.0).await.expect("a read").1, judged, "not a word more");
    // Neither the one's verifier nor the other's is left; nor is the session's sandbox, if it went with its runner.
    until("no sandbox is without an owner", async || {
        let left = house.sandboxes();
        let owned = store.sessions_on(slow).await.expect("a read").len()
            + store.sessions_on(done.runner_id.expect("a runner")).await.expect("a read").len();
        (left.len() == owned && !left.iter().any(|sandbox| sandbox.contains("Verifier"))).then_some(())
    })
    .await;
}
