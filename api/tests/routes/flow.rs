//! The main job from end to end as a browser does it, with a runner's work done by hand.

use serde_json::json;

use crate::attempts;
use crate::support::{Runner, Served};

#[tokio::test]
async fn start_work_submit_fail_mend_pass_end() {
    let api = Served::new().await;
    let mut ada = api.stranger();
    let signed_in = ada.form("/sign-in/local", &[("name", "Ada"), ("next", "")]).await.expect(303);
    ada.keep_cookie(&signed_in);
    assert_eq!(signed_in.location(), "/labs");
    let session = ada.form("/labs/lab1/start", &[("idempotency_key", "k")]).await.expect(303);
    let page = session.location().to_owned();
    let id = page.rsplit('/').next().expect("an id").parse().expect("a session's id");
    let mut stream = ada.listen(&format!("{page}/live?after=")).await;
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    stream.until(|event| event.name == "status" && event.data.contains("data-stage=\"ready\"")).await;

    for (content, verdict, state) in
        [("FROM wrong", attempts::failed(), "failed"), ("FROM right", attempts::passed(), "passed")]
    {
        ada.put(&format!("/api/files?session={id}&path=Dockerfile"), json!({ "content": content }))
            .await
            .expect(200);
        ada.form_by_script(&format!("{page}/build"), &[]).await.expect(204);
        let job = api.jobs_of(id).await.expect("jobs").last().expect("a job").job_id;
        let taken = runner.take(id, job).await;
        runner.say(taken.log, 0, &format!("#1 building {content}\n")).await;
        stream.until(|event| event.name == "log" && event.data.contains(content)).await;
        runner.finish(id, job, &taken, 0).await;
        stream.until(|event| event.name == "jobs" && event.data.contains("job-passed")).await;

        ada.form_by_script(&format!("{page}/submit"), &[]).await.expect(204);
        let newest = ada.get("/api/attempts").await.json()["attempts"][0].clone();
        let attempt = newest["id"].as_str().expect("an id").parse().expect("an attempt's id");
        let tree = newest["tree"].as_str().expect("a hash").to_owned().try_into().expect("a hash");
        let frozen = api.tree(&tree).await.expect("read").expect("there");
        assert!(
            frozen
                .files
                .values()
                .any(|entry| entry.hash == containrlab_domain::ids::BlobHash::of(content.as_bytes()))
        );
        let taken = runner.judge(id, attempt).await;
        runner.say_verdict(attempt, &taken, verdict).await;
        stream.until(|event| event.name == "verdict" && event.data.contains("The image builds")).await;
        assert_eq!(ada.get(&format!("/api/attempts/{attempt}")).await.json()["status"], state);
    }

    ada.form_by_script(&format!("{page}/end"), &[]).await.expect(204);
    runner.clean_up(id).await;
    stream.named("close").await;
    let labs = ada.get("/labs").await.expect(200);
    assert!(labs.text.contains("Passed"), "{}", labs.text);
    let timeline = ada.get(&format!("/api/sessions/{id}/timeline")).await.json();
    let last = timeline["entries"].as_array().expect("entries").last().expect("an entry");
    assert_eq!(last["text"], "You ended this session.");
    let requests: Vec<_> = timeline["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| entry["request"].as_str())
        .collect();
    assert!(requests.iter().all(|request| request.is_some_and(|id| id.len() == 36)), "{requests:?}");
}
