//! The solution: after a pass, and written down.

use serde_json::json;

use crate::attempts;
use crate::support::{Runner, Served};

#[tokio::test]
async fn the_solution_is_shown_after_a_pass_and_that_is_an_event() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let (page, path) = ("/labs/lab1/solution", "/api/labs/lab1/solution");
    ada.get(path).await.problem(403, "solution_not_yet");
    ada.poke(path).await.problem(403, "solution_not_yet");

    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    ada.put(&format!("/api/files?session={id}&path=Dockerfile"), json!({ "content": "FROM mine\n" }))
        .await
        .expect(200);
    ada.put(&format!("/api/files?session={id}&path=notes.txt"), json!({ "content": "my own" }))
        .await
        .expect(200);
    let failed = attempts::id_of(&ada.poke("/api/judge/lab1").await.expect(202));
    let taken = runner.judge(id, failed).await;
    ada.poke(path).await.problem(403, "solution_not_yet");
    runner.say_verdict(failed, &taken, attempts::failed()).await;
    let refused = ada.poke(path).await.problem(403, "solution_not_yet");
    assert!(refused["mend"].as_str().expect("a sentence").contains("hints"), "{refused}");
    assert!(ada.form(page, &[]).await.expect(403).text.contains("shown once an attempt has passed"));
    assert!(!ada.get("/labs/lab1").await.text.contains("action=\"/labs/lab1/solution\""));

    let passed = attempts::id_of(&ada.poke("/api/judge/lab1").await.expect(202));
    let taken = runner.judge(id, passed).await;
    runner.say_verdict(passed, &taken, attempts::passed()).await;
    // It may be seen now, and is not until it is asked for.
    ada.get(path).await.problem(403, "solution_not_yet");
    for offering in ["/labs/lab1".to_owned(), format!("/sessions/{id}")] {
        assert!(ada.get(&offering).await.text.contains("action=\"/labs/lab1/solution\""), "{offering}");
    }
    assert_eq!(ada.form(page, &[("idempotency_key", "k")]).await.expect(303).location(), page);
    let shown = ada.get(page).await.expect(200).text;
    assert!(shown.contains("FROM mine") && shown.contains("notes.txt"), "held against what was handed in");
    assert!(shown.contains("diff-yours") && shown.contains("FROM python"), "{shown}");

    let again = ada.poke(path).await.expect(200).json();
    assert_eq!(again["attempt"], json!(passed));
    assert!(again["files"].as_array().expect("files").iter().any(|file| file["path"] == "Dockerfile"));
    assert_eq!(again, ada.get(path).await.expect(200).json());
    let timeline = ada.get(&format!("/api/sessions/{id}/timeline")).await.json();
    let told: Vec<_> = timeline["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["type"] == "SolutionShown")
        .collect();
    assert_eq!(told.len(), 1, "asking again is no second event");
    assert_eq!((&told[0]["actor"], &told[0]["payload"]["leave"]), (&json!("you"), &json!(false)));

    let bob = api.person("Bob").await;
    bob.get(path).await.problem(403, "solution_not_yet");
    ada.get("/api/labs/no-such-lab/solution").await.problem(404, "no_such_lab");
}
