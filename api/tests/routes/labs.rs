//! Labs, and starting them.

use containrlab_domain::ids::SessionId;
use containrlab_domain::workspace::WorkspacePath;
use serde_json::{Value, json};

use crate::support::{Runner, Served};

#[tokio::test]
async fn labs_tell_what_they_are_and_never_their_solutions() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let labs = ada.get("/api/labs").await.expect(200).json();
    let slugs: Vec<_> =
        labs["labs"].as_array().expect("labs").iter().map(|lab| lab["slug"].clone()).collect();
    assert_eq!(slugs[..3], [json!("lab1"), json!("lab2"), json!("lab3")]);
    assert_eq!(labs["labs"][0]["progress"], "not_started");
    assert_eq!(labs["labs"][0]["active_session"], Value::Null);

    let lab = ada.get("/api/labs/lab1").await.expect(200).json();
    assert!(lab["html"].as_str().expect("HTML").contains("<p>"));
    assert!(!lab["steps"].as_array().expect("steps").is_empty());
    assert!(!lab["checks"].as_array().expect("checks").is_empty());
    for inner in ["solution", "wrong", "starter", "hints"] {
        assert!(lab.get(inner).is_none(), "{inner}");
    }
}

#[tokio::test]
async fn a_start_opens_the_workspace_with_the_starter_files() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let answer = ada.poke("/api/labs/lab1/start").await.expect(201);
    let session = answer.json();
    let id = session["id"].as_str().expect("an id");
    assert_eq!(answer.location(), format!("/api/sessions/{id}"));
    assert_eq!(session["phase"], "starting");
    assert_eq!(session["lab"]["slug"], "lab1");
    assert_eq!(session["place_in_line"], 1);

    let files = ada.get(&format!("/api/files?session={id}")).await.expect(200).json();
    let paths: Vec<_> =
        files["files"].as_array().expect("files").iter().map(|file| file["path"].clone()).collect();
    assert!(paths.contains(&json!("app.py")), "{paths:?}");
    assert_eq!(ada.get("/api/labs/lab1/active").await.expect(200).json()["id"], session["id"]);
    let labs = ada.get("/api/labs").await.expect(200).json();
    assert_eq!(labs["labs"][0]["active_session"], session["id"]);
    assert_eq!(labs["labs"][0]["progress"], "in_progress");
}

#[tokio::test]
async fn a_start_while_one_is_active_says_where_that_is() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let active = ada.start("lab1").await;
    let problem = ada.poke("/api/labs/lab1/start").await.problem(409, "session_active");
    assert_eq!(problem["session"], json!(active));
    assert_eq!(problem["location"], format!("/api/sessions/{active}"));
    // Another lab, and somebody else's, are no hindrance.
    ada.start("lab2").await;
    api.person("Bob").await.start("lab1").await;
    let page = ada.form("/labs/lab1/start", &[]).await.expect(409);
    assert!(page.text.contains(&format!("/sessions/{active}")), "{}", page.text);
}

#[tokio::test]
async fn two_starts_in_one_instant_are_one_session() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let answers = futures::future::join_all((0..6).map(|_| ada.poke("/api/labs/lab1/start"))).await;
    let started = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(started, 1, "{answers:?}");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "session_active");
    }
    assert_eq!(ada.get("/api/sessions").await.json()["sessions"].as_array().expect("sessions").len(), 1);
}

#[tokio::test]
async fn a_start_repeated_with_its_key_has_one_effect_and_the_same_answer() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let start = || {
        let request = ada.request(reqwest::Method::POST, "/api/labs/lab1/start");
        ada.send(request.header("idempotency-key", "a-key"))
    };
    let answers = futures::future::join_all((0..4).map(|_| start())).await;
    let first = answers[0].json()["id"].clone();
    for answer in answers {
        assert_eq!(answer.expect(201).json()["id"], first);
    }
    assert_eq!(start().await.expect(201).json()["id"], first);

    // The form's field is such a key, too.
    let form = [("idempotency_key", "form-key"), ("from", "")];
    let to = |answer: &crate::support::Answer| answer.location().to_owned();
    let first = ada.form("/labs/lab2/start", &form).await.expect(303);
    let second = ada.form("/labs/lab2/start", &form).await.expect(303);
    assert_eq!(to(&first), to(&second));
    // Somebody else's same key is another.
    let bob = api.person("Bob").await;
    assert_ne!(to(&bob.form("/labs/lab2/start", &form).await.expect(303)), to(&first));
}

#[tokio::test]
async fn a_new_session_can_go_on_from_the_files_of_the_last_one() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let first = ada.start("lab1").await;
    ada.put(&format!("/api/files?session={first}&path=Dockerfile"), json!({ "content": "FROM mine" }))
        .await
        .expect(200);
    ada.delete(&format!("/api/sessions/{first}")).await.expect(202);

    let second = ada.post("/api/labs/lab1/start", json!({ "continue": true })).await.expect(201).json();
    assert_eq!(second["continued_from"], json!(first));
    let file = |session: &Value| {
        let session = session.as_str().expect("an id").to_owned();
        let ada = ada.clone();
        async move { ada.get(&format!("/api/files?session={session}&path=Dockerfile")).await }
    };
    assert_eq!(file(&second["id"]).await.expect(200).json()["content"], "FROM mine");

    let second = second["id"].as_str().expect("an id").to_owned();
    ada.delete(&format!("/api/sessions/{second}")).await.expect(202);
    let fresh = ada.poke("/api/labs/lab1/start").await.expect(201).json();
    file(&fresh["id"]).await.problem(404, "file_not_found");

    // Somebody else's files cannot be taken over.
    let bob = api.person("Bob").await;
    bob.post("/api/labs/lab1/start", json!({ "from": first })).await.problem(404, "no_such_session");
}

#[tokio::test]
async fn a_runner_finds_the_starter_files_in_the_ledger() {
    let api = Served::new().await;
    let id: SessionId = api.person("Ada").await.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let (tree, _) =
        api.workspace_tree(containrlab_domain::ids::WorkspaceId::of(id)).await.expect("read").expect("there");
    let app = &tree.files[&WorkspacePath::new("app.py").expect("a path")];
    let bytes = api.blob(&app.hash).await.expect("read").expect("there");
    assert_eq!(bytes.len() as u64, app.size);
}
