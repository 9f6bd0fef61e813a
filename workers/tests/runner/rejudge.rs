//! An attempt is judged again, by a lab that has changed since.

use containrlab_domain::attempt::Difference;
use containrlab_domain::ids::LabSlug;
use containrlab_domain::verdict::VerdictStatus;
use containrlab_store::labs::LoadedLab;
use containrlab_store::{AttemptRow, JudgementRow, Store};

use crate::house::{House, by_somebody, submit, until, until_judged};

/// lab1 as it is, but that nobody asks for a .dockerignore.
fn without_dockerignore(original: &LoadedLab, folder: &std::path::Path) -> LoadedLab {
    let folder = folder.join("lab1");
    for (path, content) in &original.files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("written");
    }
    let manifest = folder.join("lab.toml");
    let text = std::fs::read_to_string(&manifest).expect("lab.toml");
    let check = "[[checks]]\ntype = \"dockerignore_exists\"\nread_more = \"ignore\"\n";
    assert!(text.contains(check));
    let text = text.replace(check, "");
    // Hints and wrong answers that speak of it go with it.
    let text = text.split("\n[[hints]]").filter(|part| !part.contains("check = \"dockerignore_exists\""));
    std::fs::write(&manifest, text.collect::<Vec<_>>().join("\n[[hints]]")).expect("written");
    for entry in std::fs::read_dir(folder.join("wrong")).expect("wrong answers") {
        let path = entry.expect("an entry").path();
        let expects = std::fs::read_to_string(path.join("expect.toml")).unwrap_or_default();
        if expects.contains("dockerignore_missing") {
            std::fs::remove_dir_all(path).expect("removed");
        }
    }
    LoadedLab::load(&folder).unwrap_or_else(|fault| panic!("{fault}"))
}

async fn until_rejudged(store: &Store, attempt: &AttemptRow) -> JudgementRow {
    until("the attempt is judged again", async || {
        let row = store.attempt(attempt.attempt_id).await.expect("a read").expect("the attempt");
        row.rejudged_at.is_some()
    })
    .await;
    store.judgements_of(attempt.attempt_id).await.expect("a read").remove(0)
}

fn codes(verdict: &containrlab_domain::verdict::Verdict) -> Vec<&str> {
    verdict.failures.iter().map(|finding| finding.code.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_attempt_is_judged_by_the_version_that_the_job_names() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let store = &house.store;
    let session = house.ready_session("lab1").await;
    let lab = house.labs.get(&LabSlug::new("lab1").expect("a slug")).expect("lab1");
    let tree = store.put_files(&lab.lab.starter).await.expect("the files");
    let id = submit(store, session, lab.reference(), &tree).await;
    let attempt = until_judged(store, id).await;
    let first = attempt.verdict.clone().expect("a verdict");
    assert!(codes(&first).contains(&"dockerignore_missing"), "{first:?}");
    let basis = attempt.basis.clone().expect("what it rests on");
    assert_eq!((&basis.lab, &basis.tree), (&lab.version, &attempt.tree_hash));

    // The runner has never seen this version on its disk.
    let folder = tempfile::tempdir().expect("a folder");
    let changed = without_dockerignore(lab, folder.path());
    store.keep_lab(&changed).await.expect("kept");
    let kits = store.judge_kits().await.expect("the runner says with what it judges");
    let plan = store.plan_rejudge(&changed.lab, &kits).await.expect("a plan");
    let (planned, because) = &plan.to_judge[0];
    assert_eq!(planned.attempt_id, id);
    let versions = Difference::Lab { from: lab.version.clone(), to: changed.version.clone() };
    assert_eq!(because, &[versions]);
    store
        .request_rejudge(planned, &changed.version, &by_somebody())
        .await
        .expect("asked for")
        .expect("heard");
    let again = until_rejudged(store, &attempt).await;
    let verdict = again.verdict.expect("a verdict");
    assert_eq!(again.basis.expect("what it rests on").lab, changed.version);
    assert_eq!(verdict.status, VerdictStatus::Failed);
    assert!(!codes(&verdict).contains(&"dockerignore_missing"), "{verdict:?}");
    assert!(codes(&verdict).contains(&"dockerfile_missing"), "{verdict:?}");

    // And back: the same inputs give the same verdict.
    let row = store.attempt(id).await.expect("a read").expect("the attempt");
    let newest = row.rejudged_at;
    store.request_rejudge(&row, &lab.version, &by_somebody()).await.expect("asked for").expect("heard");
    until("it is judged once more", async || {
        store.attempt(id).await.expect("a read").expect("the attempt").rejudged_at > newest
    })
    .await;
    let row = store.attempt(id).await.expect("a read").expect("the attempt");
    assert_eq!((row.verdict, row.basis), (Some(first), Some(basis)));
}
