//! A session's events for programs.

use std::time::Duration;

use containrlab_domain::ids::JobId;
use serde_json::json;

use crate::support::{Runner, Served, Sse};

/// The types of the ledger's events up to and with this one.
async fn types_until(stream: &mut Sse, last: &str) -> Vec<String> {
    let mut types = Vec::new();
    loop {
        let event = stream.until(|event| event.id.is_some()).await;
        types.push(event.name.clone());
        if event.name == last {
            return types;
        }
    }
}

#[tokio::test]
async fn events_come_as_they_happen_and_go_on_where_one_was() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = format!("/api/sessions/{id}/events");
    let mut stream = ada.listen(&path).await;
    assert_eq!(types_until(&mut stream, "SessionRequested").await, ["WorkspaceOpened", "SessionRequested"]);
    assert_eq!(stream.named("session").await.json()["phase"], "starting");

    let runner = Runner::new(&api).await;
    let lease = runner.begin(id).await;
    let started = stream.named("ProvisioningStarted").await;
    assert_eq!(started.json()["text"], "A sandbox is being prepared.");
    drop(stream);

    // While nobody listened.
    runner.ready(id, lease).await;
    let mut stream = ada.listen_after(&path, started.id.as_deref().expect("an id")).await;
    assert_eq!(types_until(&mut stream, "SandboxReady").await, ["SandboxReady"]);
    assert_eq!(stream.named("session").await.json()["phase"], "ready");

    let job = ada.poke(&format!("/api/sessions/{id}/build")).await.expect(202).json();
    let job: JobId = job["id"].as_str().expect("an id").parse().expect("an id");
    let taken = runner.take(id, job).await;
    stream.named("JobStarted").await;
    // A letter that is cut in two by its writer comes whole.
    let bytes = "#1 grüße\n".as_bytes();
    api.append_recording(taken.log, 0, &bytes[..6]).await.expect("kept");
    let log = stream.named("log").await.json();
    assert_eq!((&log["text"], &log["from"], &log["next"]), (&json!("#1 gr"), &json!(0), &json!(5)));
    api.append_recording(taken.log, 6, &bytes[6..]).await.expect("kept");
    let log = stream.named("log").await.json();
    assert_eq!((&log["text"], &log["from"], &log["complete"]), (&json!("üße\n"), &json!(5), &json!(false)));
    runner.finish(id, job, &taken, 0).await;
    let log = stream.until(|event| event.name == "log" && event.json()["complete"] == true).await.json();
    assert_eq!(log["job"], json!(job));

    ada.delete(&format!("/api/sessions/{id}")).await.expect(202);
    runner.clean_up(id).await;
    stream.named("SessionEnded").await;
    stream.named("end").await;
    assert_eq!(stream.next().await, None);

    // Whoever comes late gets all of it, and the end.
    let mut late = ada.listen(&path).await;
    assert_eq!(types_until(&mut late, "SessionEnded").await.len(), 10);
    late.named("end").await;
}

#[tokio::test]
async fn an_event_reaches_a_listener_at_another_process() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let mut stream = ada.listen(&format!("/api/sessions/{id}/events?after=0")).await;
    stream.named("session").await;
    // Another store is another process to the bells.
    let runner = Runner::new(&api.another().await).await;
    runner.begin(id).await;
    stream.named("ProvisioningStarted").await;
}

#[tokio::test]
async fn a_stop_ends_streams_so_that_they_go_on_at_the_next_process() {
    let mut api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = format!("/api/sessions/{id}/events");
    let mut stream = ada.listen(&path).await;
    let last = stream.named("SessionRequested").await.id.expect("an id");
    let (next, shutdown) = api.again().await;
    tokio::time::timeout(Duration::from_secs(8), api.stop()).await.expect("streams do not hold it up");
    while stream.next().await.is_some() {}
    Runner::new(&api).await.provision(id).await;
    let mut stream = ada.at(&next).listen_after(&path, &last).await;
    assert_eq!(types_until(&mut stream, "SandboxReady").await, ["ProvisioningStarted", "SandboxReady"]);
    shutdown.cancel();
}
