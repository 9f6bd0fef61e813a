//! Pages, forms, and the live parts of a session's page.

use containrlab_domain::ids::JobId;

use crate::attempts;
use crate::support::{Runner, Served, Sse};

async fn parts(stream: &mut Sse) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    for _ in 0..6 {
        let event = stream.next().await.expect("a part");
        assert_eq!(event.id, None);
        parts.push((event.name, event.data));
    }
    parts
}

#[tokio::test]
async fn the_way_from_the_labs_to_a_session_and_back() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    assert_eq!(ada.get("/").await.expect(303).location(), "/labs");
    let labs = ada.get("/labs").await.expect(200);
    assert!(labs.text.contains("Ada") && labs.text.contains("/labs/lab1"), "{}", labs.text);
    let lab = ada.get("/labs/lab1").await.expect(200);
    assert!(lab.text.contains("action=\"/labs/lab1/start\""), "{}", lab.text);

    let started = ada.form("/labs/lab1/start", &[("idempotency_key", "k"), ("from", "")]).await.expect(303);
    let session = started.location().to_owned();
    let page = ada.get(&session).await.expect(200);
    assert!(page.text.contains("data-stage=\"in-line\""), "{}", page.text);
    assert!(page.text.contains("app.py"));
    let lab = ada.get("/labs/lab1").await.expect(200);
    assert!(lab.text.contains(&session), "the lab leads back to its session");

    let ended = ada.form_by_script(&format!("{session}/end"), &[]).await.expect(204);
    assert!(ended.text.is_empty());
    let page = ada.get(&session).await.expect(200);
    assert!(page.text.contains("You ended this session."), "{}", page.text);
    let id = session.rsplit('/').next().expect("an id");
    let again = ada.form_by_script("/labs/lab1/start", &[("from", id)]).await.expect(204);
    let next = again.headers["hx-redirect"].to_str().expect("text").to_owned();
    assert!(next.starts_with("/sessions/") && next != session);
}

#[tokio::test]
async fn a_page_follows_its_session() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    let mut stream = ada.listen(&format!("/sessions/{id}/live?after=")).await;
    let first = parts(&mut stream).await;
    let names: Vec<_> = first.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["status", "files", "jobs", "verdict", "hints", "timeline"]);
    // There is room, and nobody before it.
    assert!(first[0].1.contains("data-stage=\"requested\""), "{}", first[0].1);

    let lease = runner.begin(id).await;
    stream.until(|event| event.name == "status" && event.data.contains("data-stage=\"preparing\"")).await;
    runner.ready(id, lease).await;
    stream.until(|event| event.name == "status" && event.data.contains("data-stage=\"ready\"")).await;
    let jobs = stream.named("jobs").await;
    assert!(!jobs.data.contains("disabled"), "{}", jobs.data);

    let body = serde_json::json!({ "content": "FROM scratch" });
    ada.put(&format!("/api/files?session={id}&path=Dockerfile"), body).await.expect(200);
    stream.until(|event| event.name == "files" && event.data.contains("data-path=\"Dockerfile\"")).await;
    stream.until(|event| event.name == "timeline" && event.data.contains("Dockerfile was saved")).await;

    ada.form_by_script(&format!("/sessions/{id}/build"), &[("idempotency_key", "k")]).await.expect(204);
    let built = api.jobs_of(id).await.expect("jobs");
    let job: JobId = built.last().expect("a job").job_id;
    let taken = runner.take(id, job).await;
    let length = runner.say(taken.log, 0, "one\ntwo <b>\nthr").await;
    let log = stream.named("log").await;
    assert!(log.data.contains("Build: lab1") && log.data.contains(">one<"), "{}", log.data);
    assert!(log.data.contains("two &lt;b&gt;") && !log.data.contains("thr<"), "{}", log.data);
    let cursor = log.id.expect("a cursor");
    drop(stream);

    // While the page was away.
    runner.say(taken.log, length, "ee\nfour\n").await;
    runner.finish(id, job, &taken, 1).await;
    let mut stream = ada.listen_after(&format!("/sessions/{id}/live?after="), &cursor).await;
    parts(&mut stream).await;
    let log = stream.named("log").await;
    assert!(log.data.contains(">three<") && log.data.contains(">four<"), "{}", log.data);
    assert!(!log.data.contains(">one<") && !log.data.contains("Build: lab1"), "{}", log.data);
    assert!(log.data.contains("Ended with exit code 1 after 1.5 s."), "{}", log.data);

    let attempt = attempts::id_of(&ada.poke("/api/judge/lab1").await.expect(202));
    stream.until(|event| event.name == "verdict" && event.data.contains("In line for a judge")).await;
    let taken = runner.judge(id, attempt).await;
    runner.say(taken.log, 0, "judging aloud\n").await;
    stream.until(|event| event.name == "log" && event.data.contains("judging aloud")).await;
    runner.say_verdict(attempt, &taken, attempts::failed()).await;
    let verdict =
        stream.until(|event| event.name == "verdict" && event.data.contains("layer_order_incorrect")).await;
    assert!(verdict.data.contains("Dockerfile:4"), "{}", verdict.data);

    ada.form_by_script(&format!("/sessions/{id}/end"), &[]).await.expect(204);
    runner.clean_up(id).await;
    stream.until(|event| event.name == "status" && event.data.contains("data-stage=\"ended\"")).await;
    stream.named("close").await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_page_shows_the_log_so_far_and_goes_on_right_after_it() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    ada.poke(&format!("/api/sessions/{id}/build")).await.expect(202);
    let job = api.jobs_of(id).await.expect("jobs").last().expect("a job").job_id;
    let taken = runner.take(id, job).await;
    let length = runner.say(taken.log, 0, "seen already\n").await;
    let page = ada.get(&format!("/sessions/{id}")).await.expect(200).text;
    assert!(page.contains("seen already"), "{page}");
    let cursor = page.split("live?after=").nth(1).expect("a cursor").split('"').next().expect("a cursor");
    runner.say(taken.log, length, "new\n").await;
    let mut stream = ada.listen(&format!("/sessions/{id}/live?after={cursor}")).await;
    let log = stream.named("log").await;
    assert!(log.data.contains(">new<") && !log.data.contains("seen already"), "{}", log.data);
}

#[tokio::test]
async fn nothing_is_sent_while_nothing_changes() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let mut stream = ada.listen(&format!("/sessions/{id}/live")).await;
    parts(&mut stream).await;
    assert_eq!(stream.named("ports").await.data.matches("href").count(), 0, "no sandbox, no ports");
    // Three ticks of the bell, at each of which a session that waits in line is read again.
    let silence = tokio::time::timeout(std::time::Duration::from_millis(3200), stream.next()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn the_attempts_pages_tell_verdicts_and_how_figures_moved() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    let mut last = None;
    for verdict in [attempts::failed(), attempts::passed()] {
        let attempt = attempts::id_of(&ada.poke("/api/judge/lab1").await.expect(202));
        let taken = runner.judge(id, attempt).await;
        runner.say(taken.log, 0, "what the judge did\n").await;
        runner.say_verdict(attempt, &taken, verdict).await;
        last = Some(attempt);
    }
    let list = ada.get("/attempts").await.expect(200);
    assert!(list.text.contains("1 finding") && list.text.contains("Passed"), "{}", list.text);
    let page = ada.get(&format!("/attempts/{}", last.expect("an attempt"))).await.expect(200);
    for part in ["Image size", "117 MB", "−83.0 MB", "what the judge did", "All 2 checks are met."] {
        assert!(page.text.contains(part), "{part} is missing in {}", page.text);
    }
    let lab = ada.get("/labs/lab1").await.expect(200);
    assert!(lab.text.contains("/attempts/"), "{}", lab.text);
}
