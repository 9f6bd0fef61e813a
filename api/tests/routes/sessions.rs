//! Sessions: reading, extending, ending, the timeline.

use containrlab_domain::ids::{SessionId, WorkspaceId};
use containrlab_domain::session::{EndReason, SessionCommand};
use serde_json::{Value, json};

use crate::support::{Runner, Served};

#[tokio::test]
async fn a_session_follows_its_runner() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    let path = format!("/api/sessions/{id}");
    let lease = runner.begin(id).await;
    let session = ada.get(&path).await.expect(200).json();
    assert_eq!((&session["phase"], &session["place_in_line"]), (&json!("starting"), &Value::Null));

    runner.ready(id, lease).await;
    let session = ada.get(&path).await.expect(200).json();
    assert_eq!(session["phase"], "ready");
    assert_eq!(session["can_extend"], true);
    let expires: jiff::Timestamp = session["expires_at"].as_str().expect("a time").parse().expect("a time");
    let now: jiff::Timestamp = session["now"].as_str().expect("a time").parse().expect("a time");
    let left = expires.duration_since(now).as_secs();
    assert!((1700..=1800).contains(&left), "{left}");
}

#[tokio::test]
async fn a_session_can_be_extended_a_few_times() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = format!("/api/sessions/{id}/extend");
    ada.poke(&path).await.problem(409, "not_ready");
    Runner::new(&api).await.provision(id).await;
    let before = ada.get(&format!("/api/sessions/{id}")).await.json()["expires_at"].clone();
    for count in 1..=3 {
        let session = ada.poke(&path).await.expect(200).json();
        assert_eq!(session["extensions"], count);
        assert_eq!(session["can_extend"], count < 3);
        assert!(session["expires_at"].as_str() > before.as_str());
    }
    ada.poke(&path).await.problem(409, "no_more_extensions");
}

#[tokio::test]
async fn a_session_that_waits_ends_at_once_and_one_that_runs_is_cleaned_up() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let waiting = ada.start("lab1").await;
    let ended = ada.delete(&format!("/api/sessions/{waiting}")).await.expect(202).json();
    assert_eq!(ended["phase"], "ended");
    assert_eq!(ended["end_reason"]["code"], "learner");
    assert_eq!(ended["end_reason"]["sentence"], "You ended this session.");

    let runner = Runner::new(&api).await;
    let running = ada.start("lab1").await;
    runner.provision(running).await;
    let path = format!("/api/sessions/{running}");
    assert_eq!(ada.delete(&path).await.expect(202).json()["phase"], "ending");
    // Asking twice is asking once.
    ada.delete(&path).await.expect(202);
    runner.clean_up(running).await;
    assert_eq!(ada.get(&path).await.json()["phase"], "ended");
    ada.delete(&path).await.expect(202);
    ada.get("/api/labs/lab1/active").await.problem(404, "no_active_session");
}

#[tokio::test]
async fn the_timeline_tells_what_happened_and_by_whom_without_what_is_ours() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    Runner::new(&api).await.provision(id).await;
    let path = format!("/api/sessions/{id}/timeline");
    let timeline = ada.get(&path).await.expect(200).json();
    let entries = timeline["entries"].as_array().expect("entries");
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry["type"].as_str().unwrap(), entry["actor"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("WorkspaceOpened", "you"),
            ("SessionRequested", "you"),
            ("ProvisioningStarted", "system"),
            ("SandboxReady", "system")
        ]
    );
    assert_eq!(entries[3]["text"], "The sandbox is ready.");
    for entry in entries {
        for inner in ["claim", "lease", "sandbox", "runner"] {
            assert!(entry["payload"].get(inner).is_none(), "{entry}");
        }
    }
    // In parts, nothing twice and nothing missing.
    let first = ada.get(&format!("{path}?limit=3")).await.json();
    let rest = ada.get(&format!("{path}?after={}", first["next"])).await.json();
    assert_eq!(rest["entries"].as_array().expect("entries").len(), 1);
    assert_eq!(rest["entries"][0], entries[3]);
}

#[tokio::test]
async fn whatever_ended_a_session_its_files_are_offered_to_go_on_from() {
    let api = Served::new().await;
    let runner = Runner::new(&api).await;
    let ada = api.person("Ada").await;
    let cause = || "test".to_owned();
    let mut earlier = None;
    for (number, reason) in [
        EndReason::Learner,
        EndReason::Expired,
        EndReason::StartFailed { cause: cause() },
        EndReason::RunnerLost,
        EndReason::SandboxDied { cause: cause() },
        EndReason::Operator,
    ]
    .into_iter()
    .enumerate()
    {
        let from = json!({ "continue": earlier.is_some() });
        let started = ada.post("/api/labs/lab1/start", from).await.expect(201).json();
        let id: SessionId = started["id"].as_str().expect("an id").parse().expect("an id");
        let path = format!("{number}.txt");
        let content = json!({ "content": reason.code() });
        ada.put(&format!("/api/files?session={id}&path={path}"), content).await.expect(200);
        if !matches!(reason, EndReason::StartFailed { .. }) {
            runner.provision(id).await;
        }
        runner.session(id, SessionCommand::Abandon { reason: reason.clone() }).await;
        let page = ada.get("/labs/lab1").await.expect(200).text;
        assert!(page.contains("Continue where you left"), "{reason:?}: {page}");
        assert!(page.contains(&format!("name=\"from\" value=\"{id}\"")), "{reason:?}");
        let tree = api.workspace_tree(WorkspaceId::of(id)).await.expect("read").expect("a workspace").0;
        assert!(page.contains(&format!("{} files", tree.files.len())), "{reason:?}: {page}");
        for before in 0..=number {
            assert!(tree.files.keys().any(|path| path.as_str() == format!("{before}.txt")), "{reason:?}");
        }
        earlier = Some((id, tree));
    }

    // A fresh start that fails, or in which nothing is touched, does not stand before the work.
    let (last, tree) = earlier.expect("sessions");
    let fresh = ada.start("lab1").await;
    runner
        .session(fresh, SessionCommand::Abandon { reason: EndReason::StartFailed { cause: cause() } })
        .await;
    let page = ada.get("/labs/lab1").await.expect(200).text;
    assert!(page.contains(&format!("name=\"from\" value=\"{last}\"")), "{page}");
    let again = ada.post("/api/labs/lab1/start", json!({ "continue": true })).await.expect(201).json();
    assert_eq!(again["continued_from"], json!(last));
    let id: SessionId = again["id"].as_str().expect("an id").parse().expect("an id");
    let now = api.workspace_tree(WorkspaceId::of(id)).await.expect("read").expect("a workspace").0;
    assert_eq!(now, tree, "every file as last seen");
}
