//! Attempts that are judged again, and the versions of labs that it is done by.

use std::collections::BTreeMap;

use containrlab_domain::attempt::{Attempt, AttemptCommand, Difference, JudgeKit};
use containrlab_domain::ids::{AttemptId, JobId, LabSlug, LabVersion, LearnerId, RecordingId, RunnerId};
use containrlab_domain::lab::Lab;
use containrlab_domain::verdict::{Finding, Verdict, VerdictStatus};
use containrlab_store::labs::{LabCatalog, LoadedLab};
use containrlab_store::testing::{TestStore, audit};
use containrlab_store::{AttemptState, CommandError, LabStateWord, Store};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{by, claim, kit, learner, ready, runner, submitted};

fn verdict(status: VerdictStatus, codes: &[&str]) -> Verdict {
    Verdict {
        passed: status == VerdictStatus::Passed,
        status,
        failures: codes.iter().map(|code| Finding::new(*code, "A sentence.")).collect(),
        ..Verdict::inconclusive("", "", "")
    }
}

fn lab() -> LoadedLab {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");
    let catalog = LabCatalog::load(folder.as_ref()).expect("the labs are in order");
    catalog.get(&LabSlug::new("lab1").unwrap()).expect("lab1").clone()
}

/// A worker takes the job and says this verdict.
async fn judge(
    store: &Store,
    attempt: AttemptId,
    job: JobId,
    by_runner: RunnerId,
    lab: &Lab,
    verdict: Verdict,
) {
    let (claim, log) = (claim(by_runner), RecordingId(Uuid::new_v4()));
    let lease = claim.lease;
    store
        .execute::<Attempt>(attempt.0, AttemptCommand::StartJudging { job, claim, log }, &by())
        .await
        .unwrap();
    let tree = store.attempt(attempt).await.unwrap().unwrap().tree_hash;
    let basis = match verdict.status {
        VerdictStatus::Inconclusive => None,
        _ => Some(kit().basis(tree, lab)),
    };
    store
        .execute::<Attempt>(attempt.0, AttemptCommand::Judge { lease, verdict, basis }, &by())
        .await
        .unwrap();
}

/// An attempt that passed by the lab as it was.
async fn passed(store: &Store, learner: LearnerId, runner: RunnerId, lab: &Lab) -> AttemptId {
    let session = ready(store, learner, "lab1", runner).await;
    let (attempt, job) = submitted(store, learner, session).await;
    judge(store, attempt, job, runner, lab, verdict(VerdictStatus::Passed, &[])).await;
    attempt
}

fn changed(lab: &Lab) -> Lab {
    Lab { version: LabVersion::of(b"a stricter version"), ..lab.clone() }
}

#[tokio::test]
async fn a_new_verdict_stands_beside_the_old_one_and_what_was_passed_stays_passed() {
    let store = TestStore::new().await;
    let (learner, runner, lab) = (learner(), runner(&store).await, lab().lab);
    let attempt = passed(&store, learner, runner, &lab).await;
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!(row.basis.as_ref().map(|basis| &basis.lab), Some(&lab.version));
    assert_eq!(store.plan_rejudge(&lab, &[kit()]).await.unwrap().up_to_date, 1);

    let stricter = changed(&lab);
    let plan = store.plan_rejudge(&stricter, &[kit()]).await.unwrap();
    let differences = [Difference::Lab { from: lab.version.clone(), to: stricter.version.clone() }];
    assert_eq!(plan.to_judge, [(row.clone(), differences.to_vec())]);
    let job = store.request_rejudge(&row, &stricter.version, &by()).await.unwrap().expect("asked for");
    // The learner's page goes on as if nothing were.
    let waiting = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.status), (AttemptState::Judged, Some(VerdictStatus::Passed)));
    let priority = "select priority from jobs where job_id = $1";
    let priority: i16 = store.sql().await.query_one(priority, &[&job.0]).await.unwrap().get(0);
    assert!(priority > 10, "learners come first, but it has {priority}");
    assert_eq!(store.plan_rejudge(&stricter, &[kit()]).await.unwrap().under_way.len(), 1);

    judge(&store, attempt, job, runner, &stricter, verdict(VerdictStatus::Failed, &["user_root"])).await;
    let row = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((row.status, row.judgements), (Some(VerdictStatus::Failed), 2));
    assert!(row.rejudged_at > row.judged_at);
    let history = store.judgements_of(attempt).await.unwrap();
    let said: Vec<_> = history.iter().map(|one| (one.number, one.status, one.lab_version.clone())).collect();
    assert_eq!(said[0], (2, Some(VerdictStatus::Failed), stricter.version.clone()));
    assert_eq!((said[1].0, said[1].1), (1, Some(VerdictStatus::Passed)));
    assert_eq!(store.lab_states(learner).await.unwrap()[0].state, LabStateWord::Passed);
    let plan = store.plan_rejudge(&stricter, &[kit()]).await.unwrap();
    assert_eq!((plan.to_judge.len(), plan.up_to_date), (0, 1));
    assert_eq!(audit(&store).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_is_heard() {
    let store = TestStore::new().await;
    let (learner, runner, lab) = (learner(), runner(&store).await, lab().lab);
    let attempt = passed(&store, learner, runner, &lab).await;
    let row = store.attempt(attempt).await.unwrap().unwrap();
    let stricter = changed(&lab).version;
    let who = by();
    let asked = join_all((0..8).map(|_| store.request_rejudge(&row, &stricter, &who))).await;
    let jobs: Vec<JobId> = asked.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(jobs.len(), 1);
    judge(&store, attempt, jobs[0], runner, &changed(&lab), verdict(VerdictStatus::Passed, &[])).await;
    // Whoever read the attempt before and asks only now.
    assert_eq!(store.request_rejudge(&row, &stricter, &who).await.unwrap(), None);
    assert_eq!(store.attempt(attempt).await.unwrap().unwrap().judgements, 2);
}

#[tokio::test]
async fn a_fault_of_the_platform_takes_no_verdicts_place() {
    let store = TestStore::new().await;
    let (learner, runner, lab) = (learner(), runner(&store).await, lab().lab);
    let attempt = passed(&store, learner, runner, &lab).await;
    let row = store.attempt(attempt).await.unwrap().unwrap();
    let stricter = changed(&lab);
    let job = store.request_rejudge(&row, &stricter.version, &by()).await.unwrap().expect("asked for");
    judge(&store, attempt, job, runner, &stricter, Verdict::inconclusive("a", "B.", "C.")).await;
    let now = store.attempt(attempt).await.unwrap().unwrap();
    assert_eq!((now.status, now.basis, now.rejudged_at), (row.status, row.basis, None));
    assert_eq!(store.judgements_of(attempt).await.unwrap().len(), 2);
    // Run again, it is tried again.
    assert_eq!(store.plan_rejudge(&stricter, &[kit()]).await.unwrap().to_judge.len(), 1);
}

#[tokio::test]
async fn other_images_make_a_verdict_old() {
    let store = TestStore::new().await;
    let (learner, runner, lab) = (learner(), runner(&store).await, lab().lab);
    passed(&store, learner, runner, &lab).await;
    let image = lab.images.first().expect("lab1 has an image").clone();
    let other = JudgeKit::with_images(BTreeMap::from([(image.clone(), "sha256:new".to_owned())]));
    let plan = store.plan_rejudge(&lab, std::slice::from_ref(&other)).await.unwrap();
    assert_eq!(plan.to_judge[0].1, [Difference::Image { name: image }]);
    // A runner that still has the old ones would say the same again.
    assert_eq!(store.plan_rejudge(&lab, &[other, kit()]).await.unwrap().up_to_date, 1);
    assert_eq!(store.judge_kits().await.unwrap(), [kit()]);
}

#[tokio::test]
async fn a_message_of_a_job_that_is_over_starts_nothing() {
    let store = TestStore::new().await;
    let (learner, runner, lab) = (learner(), runner(&store).await, lab().lab);
    let session = ready(&store, learner, "lab1", runner).await;
    let (attempt, first) = submitted(&store, learner, session).await;
    judge(&store, attempt, first, runner, &lab, verdict(VerdictStatus::Passed, &[])).await;
    let row = store.attempt(attempt).await.unwrap().unwrap();
    store.request_rejudge(&row, &lab.version, &by()).await.unwrap().expect("asked for");
    let late =
        AttemptCommand::StartJudging { job: first, claim: claim(runner), log: RecordingId(Uuid::new_v4()) };
    let refused = store.execute::<Attempt>(attempt.0, late, &by()).await;
    assert!(matches!(refused, Err(CommandError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn every_version_of_a_lab_comes_back_as_it_was() {
    let store = TestStore::new().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");
    let catalog = LabCatalog::load(folder.as_ref()).expect("the labs are in order");
    // Two processes that start at once.
    let (one, other) = tokio::join!(store.keep_labs(&catalog), store.keep_labs(&catalog));
    one.and(other).unwrap();
    for loaded in catalog.all() {
        let files = store.lab_files(&loaded.lab.slug, &loaded.version).await.unwrap();
        assert_eq!(files.as_ref(), Some(&loaded.files));
        assert_eq!(store.lab_versions(&loaded.lab.slug).await.unwrap().len(), 1);
    }
    let slug = LabSlug::new("lab1").unwrap();
    assert_eq!(store.lab_files(&slug, &LabVersion::of(b"never seen")).await.unwrap(), None);
    let gone = "delete from blobs where hash = (select files ->> 'lab.toml' from lab_versions where lab_slug = 'lab1')";
    store.sql().await.execute(gone, &[]).await.unwrap();
    let error = store.lab_files(&slug, &catalog.get(&slug).unwrap().version).await.unwrap_err();
    assert!(error.to_string().contains("blob") || error.to_string().contains("file"), "{error}");
}
