//! Submitting, and what the judge says.

use containrlab_domain::attempt::Basis;
use containrlab_domain::ids::{AttemptId, BlobHash};
use containrlab_domain::verdict::{CheckResult, CheckStatus, Finding, Place, Verdict, VerdictStatus};
use containrlab_domain::workspace::{Expected, FileEntry, WorkspaceCommand, WorkspacePath};
use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Runner, Served};

pub(crate) fn id_of(answer: &Answer) -> AttemptId {
    answer.json()["id"].as_str().expect("an id").parse().expect("an attempt's id")
}

pub(crate) fn failed() -> Verdict {
    let finding = Finding {
        hint: "Copy requirements.txt first.".to_owned(),
        why: Some("Each change would install everything again.".to_owned()),
        place: Some(Place { file: "Dockerfile".to_owned(), line: Some(4), end_line: None, excerpt: None }),
        ..Finding::new("layer_order_incorrect", "The sources are copied before the libraries are installed.")
    };
    Verdict {
        passed: false,
        status: VerdictStatus::Failed,
        failures: vec![finding],
        checks: vec![
            CheckResult {
                check: "build".to_owned(),
                title: "The image builds".to_owned(),
                status: CheckStatus::Passed,
            },
            CheckResult {
                check: "order".to_owned(),
                title: "Libraries first".to_owned(),
                status: CheckStatus::Failed,
            },
        ],
        metrics: [("image_bytes".to_owned(), 200e6)].into(),
        notes: vec!["A note.".to_owned()],
    }
}

pub(crate) fn passed() -> Verdict {
    let mut verdict = failed();
    verdict.failures.clear();
    verdict.checks[1].status = CheckStatus::Passed;
    verdict.metrics.insert("image_bytes".to_owned(), 117e6);
    Verdict { passed: true, status: VerdictStatus::Passed, ..verdict }
}

#[tokio::test]
async fn an_attempt_is_frozen_judged_and_told() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    ada.poke("/api/judge/lab1").await.problem(404, "no_active_session");
    let id = ada.start("lab1").await;
    ada.poke("/api/judge/lab1").await.problem(409, "not_ready");
    let gateway = Gateway::open().await;
    let runner = Runner::at(&api, &gateway.address).await;
    runner.provision(id).await;

    // Typed in the terminal a moment ago, and not yet in the ledger.
    api.put_blob(b"FROM scratch\n").await.expect("kept");
    let entry = FileEntry { hash: BlobHash::of(b"FROM scratch\n"), size: 13, executable: false };
    let path = WorkspacePath::new("Dockerfile").expect("a path");
    let command =
        WorkspaceCommand::Write { path: path.clone(), entry: entry.clone(), expected: Expected::Anything };
    gateway.leave_unkept(Runner { store: runner.store.clone(), id: runner.id }, command).await;

    let answer = ada.poke("/api/judge/lab1").await.expect(202);
    let attempt = id_of(&answer);
    assert_eq!(answer.location(), format!("/api/attempts/{attempt}"));
    let submitted = answer.json();
    assert_eq!((&submitted["state"], &submitted["number"]), (&json!("submitted"), &json!(1)));
    let tree = submitted["tree"].as_str().expect("a hash").to_owned().try_into().expect("a hash");
    let tree = api.tree(&tree).await.expect("read").expect("there");
    assert_eq!(tree.files[&path], entry);

    let problem = ada.poke("/api/judge/lab1").await.problem(409, "judging");
    assert_eq!(problem["attempt"], json!(attempt));

    let taken = runner.judge(id, attempt).await;
    assert_eq!(ada.get(&format!("/api/attempts/{attempt}")).await.json()["state"], "judging");
    runner.say(taken.log, 0, "building\n").await;
    runner.say_verdict(attempt, &taken, failed()).await;
    let judged = ada.get(&format!("/api/attempts/{attempt}")).await.expect(200).json();
    assert_eq!((&judged["state"], &judged["status"]), (&json!("judged"), &json!("failed")));
    assert_eq!(judged["verdict"]["passed"], false);
    assert_eq!(judged["verdict"]["failures"][0]["code"], "layer_order_incorrect");
    let log = ada.get(&format!("/api/attempts/{attempt}/log")).await.expect(200).json();
    assert_eq!(log, json!({ "from": 0, "next": 9, "complete": true, "text": "building\n" }));

    let second = id_of(&ada.poke("/api/judge/lab1").await.expect(202));
    let taken = runner.judge(id, second).await;
    runner.say_verdict(second, &taken, passed()).await;
    let attempts = ada.get(&format!("/api/attempts?lab=lab1&session={id}")).await.expect(200).json();
    let told: Vec<&Value> =
        attempts["attempts"].as_array().expect("attempts").iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(told, [&json!("passed"), &json!("failed")]);
    assert_eq!(ada.get("/api/attempts?lab=lab2").await.json()["attempts"], json!([]));
    let labs = ada.get("/api/labs").await.json();
    assert_eq!(labs["labs"][0]["progress"], "passed");
}

#[tokio::test]
async fn an_attempt_that_is_judged_again_shows_both_verdicts() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let attempt = id_of(&ada.poke("/api/judge/lab1").await.expect(202));
    let taken = runner.judge(id, attempt).await;
    runner.say_verdict(attempt, &taken, passed()).await;
    let row = api.attempt(attempt).await.expect("read").expect("there");
    let lab = row.lab.version.clone();
    let basis = Basis {
        tree: row.tree_hash.clone(),
        lab: lab.clone(),
        judge: 7,
        images: [("python".into(), "sha256:1".into())].into(),
    };
    api.request_rejudge(&row, &lab, &runner.by()).await.expect("asked for").expect("heard");
    // Nobody who has a verdict is told to wait for one.
    let waiting = ada.get(&format!("/api/attempts/{attempt}")).await.expect(200).json();
    assert_eq!((&waiting["state"], &waiting["status"]), (&json!("judged"), &json!("passed")));
    let taken = runner.judge(id, attempt).await;
    runner.say_verdict_on(attempt, &taken, failed(), Some(basis)).await;

    let judged = ada.get(&format!("/api/attempts/{attempt}")).await.expect(200).json();
    assert_eq!(judged["status"], "failed");
    assert_eq!(judged["basis"]["judge_version"], 7);
    assert_eq!(judged["basis"]["lab_version"], lab.as_str());
    let said: Vec<&Value> =
        judged["verdicts"].as_array().expect("verdicts").iter().map(|one| &one["status"]).collect();
    assert_eq!(said, [&json!("failed"), &json!("passed")]);
    assert_eq!(judged["verdicts"][1]["basis"], Value::Null);
    assert_eq!(ada.get("/api/labs").await.json()["labs"][0]["progress"], "passed");
    // The attempt's page and the session's say that it is a further verdict, why, and what was said before.
    for page in [format!("/attempts/{attempt}"), format!("/sessions/{id}")] {
        let page = ada.get(&page).await.expect(200).text;
        let why = "</time>: nobody wrote down what the verdict before rested on. Before: Passed.";
        for said in ["Judged again", why, "What you passed stays passed"] {
            assert!(page.contains(said), "{said}: {page}");
        }
    }
}

#[tokio::test]
async fn a_submit_repeated_with_its_key_is_one_attempt() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let path = format!("/sessions/{id}/submit");
    ada.form(&path, &[("idempotency_key", "k")]).await.expect(303);
    ada.form(&path, &[("idempotency_key", "k")]).await.expect(303);
    ada.form_by_script(&path, &[("idempotency_key", "k")]).await.expect(204);
    ada.form_by_script(&path, &[("idempotency_key", "other")]).await.problem(409, "judging");
    let attempts = ada.get("/api/attempts").await.json();
    assert_eq!(attempts["attempts"].as_array().expect("attempts").len(), 1);
}

#[tokio::test]
async fn submits_in_one_instant_are_one_attempt() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    Runner::new(&api).await.provision(id).await;
    let answers = futures::future::join_all((0..6).map(|_| ada.poke("/api/judge/lab1"))).await;
    let taken = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(taken, 1, "{answers:?}");
}
