//! Runners that stop, or are killed, and come back.

use containrlab_domain::job::JobOutcome;
use containrlab_domain::session::{EndReason, Phase};
use containrlab_store::JobRowState;

use crate::client::Client;
use crate::house::{House, content, exec, log_of, output, request_end, save, until, until_done, until_phase};

#[tokio::test]
async fn the_same_shell_goes_on_after_a_kill() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let mut client = Client::connect(runner.gateway, session, 0).await;
    client.send("kept=42; echo read''y\n").await;
    client.until("ready\r\n").await;
    // It goes on putting out while there is no runner.
    client.send("while [ ! -e go ]; do sleep 0.05; done; seq 1 20000; echo don''e-$kept\n").await;
    client.until("don''e").await;
    let (before, next) = (client.seen.clone(), client.next);
    let recording = client.hello["recording"].clone();
    drop(client);
    runner.kill();

    let folder = house.folder_of(session).await;
    std::fs::write(folder.join("go"), "").unwrap();
    let runner = house.start_runner().await;
    until_phase(&house.store, session, Phase::Ready).await;
    let mut client = Client::connect(runner.gateway, session, next).await;
    assert_eq!(client.hello["recording"], recording, "the same shell");
    assert_eq!(client.hello["from"], next, "whether or not the runner had recorded so much");
    client.until("done-42\r\n").await;
    let mut whole = Client::connect(runner.gateway, session, 0).await;
    whole.until("done-42\r\n").await;
    let joined = [before, client.seen].concat();
    assert_eq!(whole.seen[..joined.len()], joined);

    runner.stop().await;
    let recorded =
        output(&house.store, house.store.terminals_of(session).await.unwrap()[0].recording_id).await;
    assert_eq!(recorded[..joined.len()], joined, "and all of it is recorded");
}

#[tokio::test]
async fn a_stop_leaves_sandboxes_alive_and_the_next_runner_takes_them_over() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let sandboxes = house.sandboxes.ids();
    runner.stop().await;
    assert_eq!(house.sandboxes.ids(), sandboxes);

    // Both copies change while nobody keeps them alike.
    let folder = house.folder_of(session).await;
    save(&house.store, session, "app.py", "saved in the editor").await;
    std::fs::write(folder.join("requirements.txt"), "changed in the terminal").unwrap();
    std::fs::write(folder.join("new.txt"), "new").unwrap();

    let _runner = house.start_runner().await;
    until("both copies are alike", async || {
        std::fs::read_to_string(folder.join("app.py")).unwrap() == "saved in the editor"
            && content(&house.store, session, "requirements.txt").await.as_deref()
                == Some("changed in the terminal")
            && content(&house.store, session, "new.txt").await.as_deref() == Some("new")
    })
    .await;
    assert_eq!(house.sandboxes.ids(), sandboxes);
    let job = exec(&house.store, session, "cat app.py").await;
    let row = until_done(&house.store, job).await;
    assert_eq!(log_of(&house.store, &row).await, "saved in the editor");
}

#[tokio::test]
async fn a_session_whose_sandbox_died_meanwhile_is_ended_and_what_nobody_owns_is_removed() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let dead = house.ready_session("lab1").await;
    let ended = house.ready_session("lab1").await;
    let alive = house.ready_session("lab1").await;
    runner.kill();
    let sandbox = |row: Option<containrlab_store::SessionRow>| row.unwrap().sandbox_id.unwrap();
    house.sandboxes.kill(sandbox(house.store.session(dead).await.unwrap()));
    // Ended while its runner was away, as the reconciler would do it.
    let abandon = containrlab_domain::session::SessionCommand::Abandon { reason: EndReason::RunnerLost };
    let by = crate::house::by_somebody();
    house.store.execute::<containrlab_domain::session::Session>(ended.0, abandon, &by).await.unwrap();

    let _runner = house.start_runner().await;
    until("the dead one is told", async || {
        house.store.session(dead).await.unwrap().unwrap().phase == Phase::Ended
    })
    .await;
    let row = house.store.session(dead).await.unwrap().unwrap();
    assert_eq!(row.end_reason, Some(EndReason::SandboxDied { cause: "sandbox_died".to_owned() }));
    let kept = sandbox(house.store.session(alive).await.unwrap());
    until("only the living one is left", async || house.sandboxes.ids() == [kept]).await;
}

#[tokio::test]
async fn a_job_that_ran_when_the_runner_died_is_done_by_the_next() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let job = exec(&house.store, session, "echo run >> runs; while [ ! -e go ]; do sleep 0.05; done").await;
    until("it runs", async || house.store.job(job).await.unwrap().unwrap().state == JobRowState::Held).await;
    let folder = house.folder_of(session).await;
    until("it acts", async || folder.join("runs").exists()).await;
    runner.kill();
    std::fs::write(folder.join("go"), "").unwrap();
    // As if its lease's 30 seconds had passed.
    house.store.sql().await.execute("update jobs set lease_until = now()", &[]).await.unwrap();
    let _runner = house.start_runner().await;
    let row = until_done(&house.store, job).await;
    assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{row:?}");
    assert_eq!(row.starts, 2);
}

#[tokio::test]
async fn an_end_that_was_asked_for_while_nobody_was_there_is_done_by_the_next_runner() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    runner.stop().await;
    std::fs::write(folder.join("last.txt"), "written last").unwrap();
    request_end(&house.store, session).await;
    let _runner = house.start_runner().await;
    until("it is over", async || house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    assert_eq!(content(&house.store, session, "last.txt").await.as_deref(), Some("written last"));
    assert!(house.sandboxes.ids().is_empty());
}
