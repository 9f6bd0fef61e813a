//! What is refused: each a clear answer, nothing lost, no trace in the process.

use containrlab_domain::ids::{BlobHash, SessionId};
use containrlab_domain::workspace::{Expected, FileEntry, WorkspaceCommand, WorkspacePath};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Person, Runner, Served};

fn encoded(path: &str) -> String {
    url::form_urlencoded::byte_serialize(path.as_bytes()).collect()
}

/// The workspace as it was, and an api that answers: nothing of what was refused has left a trace.
async fn nothing_happened(person: &Person, session: SessionId, version: &serde_json::Value) {
    let list = person.get(&format!("/api/files?session={session}")).await.expect(200).json();
    assert_eq!(&list["version"], version);
}

#[tokio::test]
async fn an_unknown_lab() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    for slug in ["nothing", "Lab1", "..%2Fetc", "%00", &"x".repeat(3000)] {
        ada.get(&format!("/api/labs/{slug}")).await.problem(404, "no_such_lab");
        ada.poke(&format!("/api/labs/{slug}/start")).await.problem(404, "no_such_lab");
        ada.get(&format!("/api/labs/{slug}/active")).await.problem(404, "no_such_lab");
        ada.poke(&format!("/api/judge/{slug}")).await.problem(404, "no_such_lab");
    }
    let page = ada.get("/labs/nothing").await.expect(404);
    assert!(page.text.contains("There is no lab nothing."), "{}", page.text);
}

#[tokio::test]
async fn somebody_elses_session_is_as_good_as_none() {
    let api = Served::new().await;
    let (ada, bob) = (api.person("Ada").await, api.person("Bob").await);
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let job = ada.poke(&format!("/api/sessions/{id}/build")).await.expect(202).json();
    let attempt = ada.poke("/api/judge/lab1").await.expect(202).json();
    let job = job["id"].as_str().expect("an id");
    let attempt = attempt["id"].as_str().expect("an id");

    let none = Uuid::new_v4();
    for (method, theirs, missing) in [
        (Method::GET, format!("/api/sessions/{id}"), format!("/api/sessions/{none}")),
        (Method::DELETE, format!("/api/sessions/{id}"), format!("/api/sessions/{none}")),
        (Method::POST, format!("/api/sessions/{id}/extend"), format!("/api/sessions/{none}/extend")),
        (Method::POST, format!("/api/sessions/{id}/build"), format!("/api/sessions/{none}/build")),
        (Method::POST, format!("/api/sessions/{id}/run"), format!("/api/sessions/{none}/run")),
        (Method::GET, format!("/api/sessions/{id}/jobs"), format!("/api/sessions/{none}/jobs")),
        (Method::GET, format!("/api/sessions/{id}/jobs/{job}"), format!("/api/sessions/{none}/jobs/{job}")),
        (
            Method::GET,
            format!("/api/sessions/{id}/jobs/{job}/log"),
            format!("/api/sessions/{none}/jobs/{job}/log"),
        ),
        (Method::GET, format!("/api/sessions/{id}/timeline"), format!("/api/sessions/{none}/timeline")),
        (Method::GET, format!("/api/sessions/{id}/events"), format!("/api/sessions/{none}/events")),
        (Method::GET, format!("/api/sessions/{id}/terminal/ws"), format!("/api/sessions/{none}/terminal/ws")),
        (Method::GET, format!("/api/files?session={id}"), format!("/api/files?session={none}")),
        (
            Method::GET,
            format!("/api/files?session={id}&path=app.py"),
            format!("/api/files?session={none}&path=app.py"),
        ),
        (
            Method::DELETE,
            format!("/api/files?session={id}&path=app.py"),
            "/api/files?session=nonsense&path=app.py".into(),
        ),
        (Method::GET, format!("/api/attempts/{attempt}"), format!("/api/attempts/{none}")),
        (Method::GET, format!("/api/attempts/{attempt}/log"), "/api/attempts/nonsense/log".into()),
    ] {
        let (mut theirs, mut missing) = (
            bob.send(bob.request(method.clone(), &theirs)).await.expect(404).json(),
            bob.send(bob.request(method, &missing)).await.expect(404).json(),
        );
        // Word for word the same, but for the request's id.
        theirs["request_id"] = json!(null);
        missing["request_id"] = json!(null);
        assert_eq!(theirs, missing);
    }
    let write = json!({ "content": "mine now" });
    bob.put(&format!("/api/files?session={id}&path=app.py"), write).await.problem(404, "no_such_session");
    for page in [format!("/sessions/{id}"), format!("/attempts/{attempt}")] {
        bob.get(&page).await.expect(404);
    }
    bob.form(&format!("/sessions/{id}/end"), &[]).await.expect(404);
    assert_eq!(bob.get("/api/attempts").await.json()["attempts"], json!([]));
    assert_eq!(bob.get(&format!("/api/attempts?session={id}")).await.json()["attempts"], json!([]));
    assert_eq!(ada.get(&format!("/api/sessions/{id}")).await.json()["phase"], "ready");
}

#[tokio::test]
async fn a_job_of_another_session_of_ones_own() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let (one, two) = (ada.start("lab1").await, ada.start("lab2").await);
    Runner::new(&api).await.provision(one).await;
    let job = ada.poke(&format!("/api/sessions/{one}/build")).await.expect(202).json();
    let job = job["id"].as_str().expect("an id");
    ada.get(&format!("/api/sessions/{two}/jobs/{job}")).await.problem(404, "no_such_job");
    ada.get(&format!("/api/sessions/{one}/jobs/nonsense")).await.problem(404, "no_such_job");
}

#[tokio::test]
async fn a_path_outside_the_workspace() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let version = ada.get(&format!("/api/files?session={id}")).await.json()["version"].clone();
    let long = "x/".repeat(2048) + "x";
    let wrong = [
        "",
        "..",
        "../etc/passwd",
        "a/../../b",
        "/etc/passwd",
        "/workspace/app.py",
        "a\0b",
        "a\nb",
        "a//b",
        "./a",
        "a/",
        &long,
        &"x".repeat(256),
    ];
    for path in wrong {
        let address = format!("/api/files?session={id}&path={}", encoded(path));
        ada.get(&address).await.problem(422, "invalid_path");
        ada.put(&address, json!({ "content": "x" })).await.problem(422, "invalid_path");
        ada.post(&address, json!({})).await.problem(422, "invalid_path");
        ada.delete(&address).await.problem(422, "invalid_path");
        ada.get(&format!("/api/files/raw?session={id}&path={}", encoded(path)))
            .await
            .problem(422, "invalid_path");
        let rename = format!("/api/files/rename?session={id}");
        ada.post(&rename, json!({ "from": "app.py", "to": path })).await.problem(422, "invalid_path");
        ada.post(&rename, json!({ "from": path, "to": "b" })).await.problem(422, "invalid_path");
    }
    nothing_happened(&ada, id, &version).await;
}

#[tokio::test]
async fn a_file_over_the_limit() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = format!("/api/files?session={id}&path=big");
    let version = ada.get(&format!("/api/files?session={id}")).await.json()["version"].clone();
    let problem =
        ada.put(&path, json!({ "content": "x".repeat(64 * 1024 + 1) })).await.problem(413, "file_too_large");
    assert_eq!(problem["limit"], 64 * 1024);
    // A body that no file could need is not even read.
    let huge = ada.put(&path, json!({ "content": "x".repeat(9 * 1024 * 1024) })).await;
    huge.problem(413, "body_too_large");
    nothing_happened(&ada, id, &version).await;
    ada.put(&path, json!({ "content": "x".repeat(64 * 1024) })).await.expect(200);
}

#[tokio::test]
async fn a_workspace_over_its_limits() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = |name: &str| format!("/api/files?session={id}&path={name}");
    ada.put(&path("one"), json!({ "content": "1".repeat(60 * 1024) })).await.expect(200);
    ada.put(&path("two"), json!({ "content": "2".repeat(60 * 1024) })).await.problem(413, "workspace_full");
    // Writing the same file smaller is always possible.
    ada.put(&path("one"), json!({ "content": "1" })).await.expect(200);
    let mut refused = None;
    for number in 0..40 {
        let answer = ada.put(&path(&format!("f{number}")), json!({ "content": "" })).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    refused.expect("a limit").problem(413, "too_many_files");
    ada.post(&path("folder"), json!({ "kind": "folder" })).await.problem(413, "too_many_files");
}

#[tokio::test]
async fn a_binary_file_in_the_editor() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    for (name, bytes) in [("nul", &b"a\0b"[..]), ("no-utf8", &b"\xff\xfe"[..])] {
        api.put_blob(bytes).await.expect("kept");
        let entry = FileEntry { hash: BlobHash::of(bytes), size: bytes.len() as u64, executable: false };
        let path = WorkspacePath::new(name).expect("a path");
        runner.in_terminal(id, WorkspaceCommand::Write { path, entry, expected: Expected::Anything }).await;
        ada.get(&format!("/api/files?session={id}&path={name}")).await.problem(415, "binary_file");
        ada.get(&format!("/api/files/raw?session={id}&path={name}")).await;
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_or_does_not_fit() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let put = |body: &'static str, kind: &'static str| {
        let request = ada.request(Method::PUT, &format!("/api/files?session={id}&path=x"));
        ada.send(request.header("content-type", kind).body(body))
    };
    put("{\"content\":\"x\"}", "text/plain").await.problem(415, "not_json");
    put("hello", "application/json").await.problem(400, "malformed_body");
    put("{\"content\":", "application/json").await.problem(400, "malformed_body");
    put("[]", "application/json").await.problem(422, "unfit_body");
    let problem = put("{\"content\":7}", "application/json").await.problem(422, "unfit_body");
    assert_eq!(problem["place"], "content");
    put("{}", "application/json").await.problem(422, "unfit_body");
    put("{\"content\":\"x\",\"typo\":1}", "application/json").await.problem(422, "unfit_body");
    put("{\"content\":\"x\",\"expected_hash\":\"zz\"}", "application/json").await.problem(400, "unfit_query");
    let deep = "[".repeat(100_000);
    let request = ada.request(Method::PUT, &format!("/api/files?session={id}&path=x"));
    let answer = ada.send(request.header("content-type", "application/json").body(deep)).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);

    // Bodies that may be left out are not guessed at either.
    let request = ada.request(Method::POST, "/api/labs/lab2/start");
    ada.send(request.body("continue=true")).await.problem(415, "not_json");
    ada.post("/api/labs/lab2/start", json!({ "continue": "yes" })).await.problem(422, "unfit_body");
}

#[tokio::test]
async fn queries_that_do_not_fit() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    ada.get("/api/files").await.problem(400, "unfit_query");
    ada.put(&format!("/api/files?session={id}"), json!({ "content": "" })).await.problem(400, "unfit_query");
    ada.get(&format!("/api/sessions/{id}/timeline?after=x")).await.problem(400, "unfit_query");
    ada.get(&format!("/api/sessions/{id}/events?after=x")).await.problem(400, "unfit_query");
    ada.get("/api/attempts?session=x").await.problem(400, "unfit_query");
    ada.get("/api/attempts?lab=A%20B").await.problem(400, "unfit_query");
    let key = ada.request(Method::POST, "/api/labs/lab2/start").header("idempotency-key", "x".repeat(256));
    ada.send(key).await.problem(400, "unfit_query");
}

#[tokio::test]
async fn addresses_and_methods_that_there_are_not() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    ada.get("/api/nothing").await.problem(404, "not_found");
    ada.get("/api").await.problem(404, "not_found");
    let answer = ada.delete("/api/labs").await;
    assert!(answer.headers.contains_key("allow"));
    answer.problem(405, "method_not_allowed");
    let page = ada.get("/nothing").await.expect(404);
    assert!(page.text.contains("<html"), "{}", page.text);
    assert!(page.text.contains(page.headers["x-request-id"].to_str().expect("text")), "{}", page.text);
}

#[tokio::test]
async fn whoever_is_not_signed_in_gets_nothing() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let stranger = api.stranger();
    for path in ["/api/auth/me", "/api/labs", "/api/labs/lab1", "/api/sessions", "/api/attempts"] {
        stranger.get(path).await.problem(401, "not_signed_in");
    }
    stranger.get(&format!("/api/sessions/{id}")).await.problem(401, "not_signed_in");
    stranger.get(&format!("/api/sessions/{id}/events")).await.problem(401, "not_signed_in");
    stranger.get(&format!("/api/files?session={id}")).await.problem(401, "not_signed_in");
    stranger.get(&format!("/sessions/{id}/live")).await.expect(303);
    let by_script = stranger.form_by_script(&format!("/sessions/{id}/build"), &[]).await;
    assert_eq!(by_script.headers["hx-redirect"], "/sign-in");
    by_script.problem(401, "not_signed_in");
    let forged = stranger.signed_out();
    forged.get("/api/labs").await.problem(401, "not_signed_in");
}
