//! Hints: one after the other, and none before it is asked for.

use std::path::Path;

use containrlab_domain::lab::{Hint, Lab};
use containrlab_store::labs::LoadedLab;
use serde_json::{Value, json};

use crate::attempts;
use crate::support::{Runner, Served};

fn lab1() -> Lab {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/lab1");
    LoadedLab::load(&folder).expect("the lab is in order").lab
}

/// A check with several hints, and these.
fn with_hints(lab: &Lab) -> (&str, Vec<&Hint>) {
    let check = lab.checks.iter().find(|check| lab.hints_for(Some(&check.id)).count() > 1);
    let id = &check.expect("a check with several hints").id;
    (id, lab.hints_for(Some(id)).collect())
}

/// The longest part of a hint that is the same in Markdown and HTML.
fn words(hint: &Hint) -> &str {
    let parts = hint.text.split(|letter: char| !letter.is_alphanumeric() && letter != ' ');
    parts.max_by_key(|part| part.len()).expect("a hint has words")
}

fn group<'a>(list: &'a Value, check: &str) -> &'a Value {
    let groups = list["groups"].as_array().expect("groups");
    groups.iter().find(|group| group["check"] == check).expect("the group")
}

#[tokio::test]
async fn hints_are_shown_one_by_one_and_stay() {
    let lab = lab1();
    let (check, hints) = with_hints(&lab);
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let (page, path) = (format!("/sessions/{id}"), format!("/api/sessions/{id}/hints"));

    let list = ada.get(&path).await.expect(200);
    assert_eq!(group(&list.json(), check)["total"], hints.len());
    assert_eq!(group(&list.json(), check)["shown"], json!([]));
    let before = ada.get(&page).await.expect(200).text;
    for hint in &lab.hints {
        assert!(!list.text.contains(words(hint)) && !before.contains(words(hint)), "{}", hint.text);
    }

    let mut stream = ada.listen(&format!("{page}/live?after=")).await;
    let first = ada.post(&path, json!({ "check": check })).await.expect(201).json();
    assert_eq!((&first["number"], &first["text"]), (&json!(1), &json!(hints[0].text)));
    let part = stream.until(|event| event.name == "hints" && event.data.contains(words(hints[0]))).await;
    assert!(!part.data.contains(words(hints[1])), "{}", part.data);
    // The timeline calls the check by its title, as everybody sees it.
    let title = &lab.checks.iter().find(|one| one.id == check).expect("the check").title;
    let told = format!("A hint on “{title}” was shown");
    stream.until(|event| event.name == "timeline" && event.data.contains(&told)).await;
    let timeline = ada.get(&format!("/api/sessions/{id}/timeline")).await.expect(200).text;
    assert!(timeline.contains(&told), "{timeline}");

    // A form names the hint that it asks for, so a double click shows one.
    for _ in 0..2 {
        ada.form_by_script(&format!("{page}/hints"), &[("check", check), ("number", "2")]).await.expect(204);
    }
    let list = ada.get(&path).await.json();
    let shown = group(&list, check)["shown"].as_array().expect("hints");
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1]["text"], hints[1].text);
    assert!(shown[1]["shown_at"].is_string());
    let after = ada.get(&page).await.expect(200).text;
    assert!(after.contains(words(hints[0])) && after.contains(words(hints[1])), "to be read again");

    let last = json!({ "check": check, "number": hints.len() });
    if hints.len() > 3 {
        ada.post(&path, last).await.problem(409, "hint_out_of_turn");
    }
    for _ in 2..hints.len() {
        ada.post(&path, json!({ "check": check })).await.expect(201);
    }
    ada.post(&path, json!({ "check": check })).await.problem(404, "no_such_hint");
    ada.post(&path, json!({ "check": "no-such-check" })).await.problem(404, "no_such_hint");
    ada.post(&path, json!({ "check": check, "number": 0 })).await.problem(404, "no_such_hint");
    ada.post(&path, json!({ "chek": check })).await.problem(422, "unfit_body");
    api.person("Bob").await.post(&path, json!({})).await.problem(404, "no_such_session");

    ada.delete(&format!("/api/sessions/{id}")).await.expect(202);
    ada.post(&path, json!({})).await.problem(409, "session_ended");
    assert_eq!(
        group(&ada.get(&path).await.json(), check)["shown"].as_array().map(Vec::len),
        Some(hints.len())
    );
}

#[tokio::test]
async fn of_what_is_met_no_hints_are_offered() {
    let lab = lab1();
    let (check, _) = with_hints(&lab);
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let path = format!("/api/sessions/{id}/hints");
    let offered = async || {
        let list = ada.get(&path).await.json();
        list["groups"].as_array().expect("groups").iter().any(|group| group["check"] == check)
    };
    assert!(offered().await, "before a verdict everything may be asked about");
    let attempt = attempts::id_of(&ada.poke("/api/judge/lab1").await.expect(202));
    let taken = runner.judge(id, attempt).await;
    let mut verdict = attempts::failed();
    verdict.checks = vec![containrlab_domain::verdict::CheckResult {
        check: check.to_owned(),
        title: "It is so".to_owned(),
        status: containrlab_domain::verdict::CheckStatus::Passed,
    }];
    runner.say_verdict(attempt, &taken, verdict).await;
    assert!(!offered().await);
    // What was shown is there to be read all the same.
    ada.post(&path, json!({ "check": check })).await.expect(201);
    assert!(offered().await);
}
