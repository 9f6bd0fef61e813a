//! Attempts: numbers, verdicts, comparisons.

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, JobId, LabSlug, RecordingId};
use containrlab_domain::judge::SessionFacts;
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use containrlab_domain::workspace::Tree;
use containrlab_store::testing::TestStore;
use containrlab_store::{AttemptState, CommandError, LabStateWord, StoreError};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{by, claim, lab, learner, ready, runner, submitted};

fn passed() -> Verdict {
    Verdict {
        passed: true,
        status: VerdictStatus::Passed,
        failures: Vec::new(),
        checks: Vec::new(),
        metrics: [("build_seconds".to_owned(), 1.5)].into(),
        notes: Vec::new(),
    }
}

#[tokio::test]
async fn an_attempt_goes_from_submitted_to_its_verdict() {
    let store = TestStore::new().await;
    let (learner, runner) = (learner(), runner(&store).await);
    let session = ready(&store, learner, "lab1", runner).await;
    let (attempt, job) = submitted(&store, learner, session).await;
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((row.state, row.number, row.verdict), (AttemptState::Submitted, 1, None));
    assert_eq!(store.job(job).await.unwrap().unwrap().queue.to_string(), "judge");

    let (claim, log) = (claim(runner), RecordingId(Uuid::new_v4()));
    let start = AttemptCommand::StartJudging { job, claim: claim.clone(), log };
    store.execute::<Attempt>(attempt.0, start, &by()).await.unwrap();
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((row.state, row.log_id), (AttemptState::Judging, Some(log)));

    let judge = AttemptCommand::Judge { lease: claim.lease, verdict: passed(), basis: None };
    store.execute::<Attempt>(attempt.0, judge, &by()).await.unwrap();
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((row.state, row.status), (AttemptState::Judged, Some(VerdictStatus::Passed)));
    assert_eq!(row.verdict, Some(passed()));
    let states = store.lab_states(learner).await.unwrap();
    assert_eq!((states[0].state, states[0].active_session), (LabStateWord::Passed, Some(session)));
}

#[tokio::test]
async fn attempts_at_the_same_moment_get_different_numbers() {
    let store = TestStore::new().await;
    let learner = learner();
    let session = ready(&store, learner, "lab1", runner(&store).await).await;
    join_all((0..12).map(|_| submitted(&store, learner, session))).await;
    let slug = LabSlug::new("lab1").unwrap();
    let mut rows = store.attempts_of(learner, Some(&slug), Some(session)).await.unwrap();
    rows.sort_by_key(|row| row.number);
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    let before = store.previous_attempt(&rows[4]).await.unwrap().unwrap();
    assert_eq!(before.number, 4);
    assert_eq!(store.previous_attempt(&rows[0]).await.unwrap(), None);
    let elsewhere = LabSlug::new("lab2").unwrap();
    assert!(store.attempts_of(learner, Some(&elsewhere), None).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_attempt_needs_its_tree() {
    let store = TestStore::new().await;
    let learner = learner();
    let session = ready(&store, learner, "lab1", runner(&store).await).await;
    let attempt = AttemptId(Uuid::new_v4());
    let tree = Tree::default().hash();
    let (lab, judge_job) = (lab("lab1"), JobId(Uuid::now_v7()));
    let submit = AttemptCommand::Submit {
        attempt,
        session,
        learner,
        lab,
        tree: tree.clone(),
        judge_job,
        looks_at_session: false,
    };
    let refused = store.execute::<Attempt>(attempt.0, submit, &by()).await;
    assert!(
        matches!(&refused, Err(CommandError::Store(StoreError::TreeMissing(missing))) if *missing == tree),
        "{refused:?}"
    );
}

#[tokio::test]
async fn whoever_holds_the_session_looks_at_it_first_and_anybody_once_it_is_over() {
    let store = TestStore::new().await;
    let (learner, runner) = (learner(), runner(&store).await);
    let session = ready(&store, learner, "lab1", runner).await;
    let submit = async || {
        let (attempt, judge_job) = (AttemptId(Uuid::new_v4()), JobId(Uuid::now_v7()));
        let tree = store.put_tree(&Tree::default()).await.unwrap();
        let lab = lab("lab1");
        let command = AttemptCommand::Submit {
            attempt,
            session,
            learner,
            lab,
            tree,
            judge_job,
            looks_at_session: true,
        };
        store.execute::<Attempt>(attempt.0, command, &by()).await.unwrap();
        (attempt, judge_job)
    };
    let (attempt, job) = submit().await;
    let queue_of = async |job| store.job(job).await.unwrap().unwrap().queue.to_string();
    assert_eq!(queue_of(job).await, format!("runner:{runner}"));
    let claim = claim(runner);
    let log = RecordingId(Uuid::new_v4());
    let start = AttemptCommand::StartJudging { job, claim: claim.clone(), log };
    store.execute::<Attempt>(attempt.0, start, &by()).await.unwrap();
    let facts = Some(SessionFacts { volumes: vec!["data".to_owned()], ..SessionFacts::default() });
    let seen = AttemptCommand::RecordSession { lease: claim.lease, facts: facts.clone() };
    store.execute::<Attempt>(attempt.0, seen, &by()).await.unwrap();
    assert_eq!(queue_of(job).await, "judge");
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((row.state, row.session_seen.unwrap().facts), (AttemptState::Submitted, facts));
    let claim = crate::support::claim(runner);
    let start = AttemptCommand::StartJudging { job, claim: claim.clone(), log };
    store.execute::<Attempt>(attempt.0, start, &by()).await.unwrap();
    let judge = AttemptCommand::Judge { lease: claim.lease, verdict: passed(), basis: None };
    store.execute::<Attempt>(attempt.0, judge, &by()).await.unwrap();

    let (_, job) = submit().await;
    let lost = SessionCommand::Abandon { reason: EndReason::RunnerLost };
    store.execute::<Session>(session.0, lost, &by()).await.unwrap();
    assert_eq!(queue_of(job).await, "judge", "nobody holds the session any more");
}
