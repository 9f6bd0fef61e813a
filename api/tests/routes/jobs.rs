//! Builds, runs, commands and their logs.

use std::time::Duration;

use containrlab_domain::ids::{BlobHash, JobId};
use containrlab_domain::job::MAX_STARTS;
use containrlab_domain::session::SessionCommand;
use containrlab_domain::workspace::{Expected, FileEntry, WorkspaceCommand, WorkspacePath};
use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Runner, Served};

fn id_of(answer: &Answer) -> JobId {
    answer.json()["id"].as_str().expect("an id").parse().expect("a job's id")
}

#[tokio::test]
async fn a_build_is_asked_for_run_and_over() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = format!("/api/sessions/{id}");
    ada.poke(&format!("{path}/build")).await.problem(409, "not_ready");
    let runner = Runner::new(&api).await;
    runner.provision(id).await;

    let answer = ada.poke(&format!("{path}/build")).await.expect(202);
    let job = id_of(&answer);
    assert_eq!(answer.location(), format!("{path}/jobs/{job}"));
    let asked = answer.json();
    assert_eq!((&asked["kind"], &asked["state"]), (&json!("build"), &json!("waiting")));
    assert_eq!(asked["work"], json!({ "kind": "build", "tag": "lab1" }));
    let busy = ada.poke(&format!("{path}/run")).await.problem(409, "busy");
    assert_eq!(busy["job"], json!(job));

    let log = format!("{path}/jobs/{job}/log");
    assert_eq!(
        ada.get(&log).await.expect(200).json(),
        json!({ "from": 0, "next": 0, "complete": false, "text": "" })
    );
    let taken = runner.take(id, job).await;
    let length = runner.say(taken.log, 0, "#1 load\n#2 grüße").await;
    let first = ada.get(&log).await.expect(200).json();
    assert_eq!((&first["text"], &first["next"]), (&json!("#1 load\n#2 grüße"), &json!(length)));
    assert_eq!(first["complete"], false);
    assert_eq!(ada.get(&format!("{path}/jobs/{job}")).await.json()["state"], "running");
    runner.say(taken.log, length, " 🐳\n").await;
    runner.finish(id, job, &taken, 0).await;

    let rest = ada.get(&format!("{log}?from={length}")).await.expect(200).json();
    assert_eq!((&rest["text"], &rest["complete"]), (&json!(" 🐳\n"), &json!(true)));
    let done = ada.get(&format!("{path}/jobs/{job}")).await.expect(200).json();
    assert_eq!(done["state"], "done");
    assert_eq!(done["outcome"], json!({ "result": "exited", "code": 0, "milliseconds": 1500 }));
    let all = ada.get(&format!("{path}/jobs")).await.expect(200).json();
    assert_eq!(all["jobs"].as_array().expect("jobs").iter().filter(|job| job["kind"] == "build").count(), 1);
}

/// A job that kills its runner each time is given up by the ledger, and whoever asked for it is told so wherever they look.
#[tokio::test]
async fn a_job_that_is_given_up_says_so_on_the_page() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let path = format!("/api/sessions/{id}");
    let job = id_of(&ada.poke(&format!("{path}/build")).await.expect(202));
    for _ in 0..=MAX_STARTS {
        // The runner dies over it, and another start finds it when the lease has run out.
        runner.take(id, job).await;
        let lapse = "update jobs set lease_until = clock_timestamp() - interval '1 s' where state = 'held'";
        api.sql().await.execute(lapse, &[]).await.expect("turned back");
    }
    let done = ada.get(&format!("{path}/jobs/{job}")).await.expect(200).json();
    assert_eq!((&done["state"], &done["outcome"]["reason"]), (&json!("done"), &json!("worker_crashed")));
    let sentence = "was started 3 times and never came to an end; it was given up";
    let page = ada.get(&format!("/sessions/{id}")).await.expect(200).text;
    assert!(page.contains(sentence), "the page does not say so: {page}");
    let mut stream = ada.listen(&format!("{path}/events")).await;
    let told = stream.named("JobFinished").await.json();
    assert!(told["text"].as_str().is_some_and(|text| text.contains(sentence)), "{told}");
    drop(stream);
    // The next one is taken.
    ada.poke(&format!("{path}/build")).await.expect(202);
}

#[tokio::test]
async fn a_run_takes_the_labs_ports_unless_others_are_asked_for() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let path = format!("/api/sessions/{id}/run");
    let answer = ada.poke(&path).await.expect(202);
    let work = answer.json()["work"].clone();
    assert_eq!(work["image"], "lab1");
    let ports = work["ports"].as_array().expect("ports");
    assert!(!ports.is_empty() && ports.iter().all(|port| port[0] == port[1]), "{ports:?}");
    let taken = runner.take(id, id_of(&answer)).await;
    runner.finish(id, id_of(&answer), &taken, 0).await;

    let body = json!({ "image": "app:dev", "ports": [{ "sandbox": 8080, "container": 80 }] });
    let work = ada.post(&path, body).await.expect(202).json()["work"].clone();
    assert_eq!(work, json!({ "kind": "run", "image": "app:dev", "ports": [[8080, 80]] }));
}

#[tokio::test]
async fn a_command_and_what_cannot_be_one() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    Runner::new(&api).await.provision(id).await;
    let path = format!("/api/sessions/{id}");
    for wrong in [
        json!({ "argv": [] }),
        json!({ "argv": [""] }),
        json!({ "argv": ["a\0"] }),
        json!({ "argv": ["ls"], "timeout_seconds": 0 }),
    ] {
        ada.post(&format!("{path}/exec"), wrong).await.problem(422, "invalid_work");
    }
    ada.post(&format!("{path}/build"), json!({ "tag": "--privileged" })).await.problem(422, "invalid_work");
    ada.post(&format!("{path}/run"), json!({ "image": "a b" })).await.problem(422, "invalid_work");
    ada.post(&format!("{path}/exec"), json!({})).await.problem(422, "unfit_body");
    let job =
        ada.post(&format!("{path}/exec"), json!({ "argv": ["docker", "version"] })).await.expect(202).json();
    assert_eq!(job["work"], json!({ "kind": "exec", "argv": ["docker", "version"], "timeout_seconds": 60 }));
}

#[tokio::test]
async fn a_build_repeated_with_its_key_is_one_build() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let build = |key: &'static str| {
        let request = ada.request(reqwest::Method::POST, &format!("/api/sessions/{id}/build"));
        ada.send(request.header("idempotency-key", key))
    };
    let (first, second) = tokio::join!(build("k"), build("k"));
    let job = id_of(&first.expect(202));
    assert_eq!(id_of(&second.expect(202)), job);
    build("another").await.problem(409, "busy");
    let taken = runner.take(id, job).await;
    runner.finish(id, job, &taken, 0).await;
    // The answer was lost, the page asks again: still the same one.
    assert_eq!(id_of(&build("k").await.expect(202)), job);
    assert_ne!(id_of(&build("another").await.expect(202)), job);
}

#[tokio::test]
async fn a_build_first_brings_in_what_was_just_changed_in_the_terminal() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let gateway = Gateway::open().await;
    let runner = Runner::at(&api, &gateway.address).await;
    runner.provision(id).await;
    api.put_blob(b"FROM scratch\n").await.expect("kept");
    let command = WorkspaceCommand::Write {
        path: WorkspacePath::new("Dockerfile").expect("a path"),
        entry: FileEntry { hash: BlobHash::of(b"FROM scratch\n"), size: 13, executable: false },
        expected: Expected::Anything,
    };
    gateway.leave_unkept(Runner { store: runner.store.clone(), id: runner.id }, command).await;
    ada.poke(&format!("/api/sessions/{id}/build")).await.expect(202);
    assert_eq!(gateway.flushes(), [id]);
    let timeline = ada.get(&format!("/api/sessions/{id}/timeline")).await.json();
    let types: Vec<&Value> =
        timeline["entries"].as_array().expect("entries").iter().map(|entry| &entry["type"]).collect();
    assert_eq!(types[types.len() - 2..], [&json!("FileWritten"), &json!("JobRequested")]);
}

#[tokio::test]
async fn a_runner_that_does_not_answer_delays_a_build_by_a_moment_only() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    // Takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", silent.local_addr().expect("an address"));
    Runner::at(&api, &address).await.provision(id).await;
    let path = format!("/api/sessions/{id}/build");
    let build = ada.poke(&path);
    tokio::time::timeout(Duration::from_secs(10), build).await.expect("in time").expect(202);
}

#[tokio::test]
async fn the_end_of_a_session_is_the_end_of_its_jobs() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let job = id_of(&ada.poke(&format!("/api/sessions/{id}/build")).await.expect(202));
    runner
        .session(id, SessionCommand::Abandon { reason: containrlab_domain::session::EndReason::RunnerLost })
        .await;
    let done = ada.get(&format!("/api/sessions/{id}/jobs/{job}")).await.expect(200).json();
    assert_eq!(done["outcome"]["reason"], "session_ended");
    ada.poke(&format!("/api/sessions/{id}/build")).await.problem(409, "session_ended");
    let session = ada.get(&format!("/api/sessions/{id}")).await.json();
    assert_eq!(session["end_reason"]["code"], "runner_lost");
}
