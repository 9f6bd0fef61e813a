//! Repeated requests: one effect, one answer.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Person, Runner, Served};

async fn keyed(person: &Person, key: &str, path: &str) -> Answer {
    person.send(person.request(Method::POST, path).header("idempotency-key", key)).await
}

/// What must be the same in two answers.
fn said(answer: &Answer) -> (u16, Option<String>, String) {
    let location = answer.headers.get("location").map(|value| value.to_str().expect("text").to_owned());
    (answer.status.as_u16(), location, answer.text.clone())
}

#[tokio::test]
async fn a_start_sent_many_times_at_once_and_later_is_one_session_and_one_answer() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let starts = (0..6).map(|_| keyed(&ada, "k", "/api/labs/lab1/start"));
    let answers = futures::future::join_all(starts).await;
    let first = said(&answers[0]);
    assert_eq!(first.0, 201, "{}", first.2);
    assert!(answers.iter().all(|answer| said(answer) == first), "{answers:?}");
    let id = answers[0].json()["id"].as_str().expect("an id").parse().expect("a session's id");
    Runner::new(&api).await.provision(id).await;
    // Things have moved on; the answer has not. Another process of the api knows it, too.
    let (address, shutdown) = api.again().await;
    let mut elsewhere = Person::stranger(&address);
    elsewhere.cookie = ada.cookie.clone();
    assert_eq!(said(&keyed(&elsewhere, "k", "/api/labs/lab1/start").await), first);
    shutdown.cancel();
    let row = api.session(id).await.expect("read").expect("there");
    assert_eq!(api.sessions_of(row.learner_id).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_double_click_extends_once() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    Runner::new(&api).await.provision(id).await;
    let path = format!("/sessions/{id}/extend");
    let fields = [("idempotency_key", "k-extend")];
    let (one, two) = tokio::join!(ada.form_by_script(&path, &fields), ada.form_by_script(&path, &fields));
    one.expect(204);
    two.expect(204);
    assert_eq!(api.session(id).await.expect("read").expect("there").extensions, 1);
    // Nor when the process died between the commit and the answer.
    let sql = "update idempotency_keys set status = null, lease_until = clock_timestamp() - interval '1 ms'";
    api.sql().await.execute(sql, &[]).await.expect("turned back");
    ada.form_by_script(&path, &fields).await.expect(204);
    assert_eq!(api.session(id).await.expect("read").expect("there").extensions, 1);
    ada.form_by_script(&path, &[("idempotency_key", "another")]).await.expect(204);
    assert_eq!(api.session(id).await.expect("read").expect("there").extensions, 2);
}

#[tokio::test]
async fn a_key_names_one_request() {
    let api = Served::new().await;
    let (ada, bob) = (api.person("Ada").await, api.person("Bob").await);
    let id = ada.start("lab1").await;
    Runner::new(&api).await.provision(id).await;
    let path = format!("/api/sessions/{id}/exec");
    let exec = async |key: &str, argv: &str| {
        let body = json!({ "argv": [argv] }).to_string();
        let request = ada.request(Method::POST, &path).header("idempotency-key", key);
        ada.send(request.header("content-type", "application/json").body(body)).await
    };
    exec("k", "ls").await.expect(202);
    let reused = exec("k", "rm").await.problem(422, "idempotency_key_reused");
    assert!(reused["mend"].as_str().is_some_and(|mend| mend.contains("fresh key")), "{reused}");
    keyed(&ada, "k", "/api/labs/lab1/start").await.problem(422, "idempotency_key_reused");
    // Somebody else's key of the same name is another key.
    keyed(&bob, "k", "/api/labs/lab1/start").await.expect(201);
    exec(&"x".repeat(256), "ls").await.problem(400, "unfit_query");
}

#[tokio::test]
async fn what_was_refused_is_decided_anew() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = format!("/api/sessions/{id}/build");
    keyed(&ada, "k", &path).await.problem(409, "not_ready");
    Runner::new(&api).await.provision(id).await;
    keyed(&ada, "k", &path).await.expect(202);
    keyed(&ada.signed_out(), "k", &path).await.problem(401, "not_signed_in");
}

#[tokio::test]
async fn what_a_dead_process_began_is_taken_over_with_one_effect() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    Runner::new(&api).await.provision(id).await;
    let path = format!("/api/sessions/{id}/build");
    let job = keyed(&ada, "k", &path).await.expect(202).json()["id"].clone();
    // The process died after the commit and before the answer.
    let sql =
        "update idempotency_keys set status = null, lease_until = clock_timestamp() + interval '300 ms'";
    api.sql().await.execute(sql, &[]).await.expect("turned back");
    let again = keyed(&ada, "k", &path).await.expect(202);
    assert_eq!(again.json()["id"], job);
    let builds = api.jobs_of(id).await.expect("read").into_iter();
    assert_eq!(builds.filter(|job| job.kind == containrlab_domain::job::JobKind::Build).count(), 1);
}

#[tokio::test]
async fn a_cut_connection_loses_no_answer() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    // A runner that takes connections and never answers makes the build wait a moment.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", silent.local_addr().expect("an address"));
    Runner::at(&api, &address).await.provision(id).await;
    let path = format!("/api/sessions/{id}/build");
    let cut = tokio::time::timeout(std::time::Duration::from_millis(300), keyed(&ada, "k", &path)).await;
    assert!(cut.is_err(), "the answer was there before the cut");
    let job = keyed(&ada, "k", &path).await.expect(202).json()["id"].clone();
    let jobs = api.jobs_of(id).await.expect("read");
    assert!(jobs.iter().any(|row| job == json!(row.job_id)), "{jobs:?}");
}
