//! The engine outside is killed, and comes back.

use std::time::{Duration, Instant};

use containrlab_domain::ids::{LearnerId, SessionId};
use containrlab_domain::session::{EndReason, Origin, Phase};
use uuid::Uuid;

use crate::client::Client;
use crate::house::{PATIENCE, exec, log_of, request_end, request_session, until, until_done, until_phase};
use crate::own_engine::OwnEngine;
use crate::whole::Whole;

/// A system on an engine of its own. The engine ends last.
struct Stage {
    whole: Whole,
    /// What the engine holds without any sandbox.
    empty: Vec<String>,
    engine: OwnEngine,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A test that fails while it is dead: the sandboxes' own removal needs it.
        self.engine.revive();
    }
}

impl Stage {
    async fn set(live_restore: bool) -> Self {
        let engine = OwnEngine::start(crate::whole::test_state_dir(), live_restore).await;
        let settings = Whole::settings_with_few_images();
        engine.take_images(&settings).await;
        let whole = Whole::with_few_images(|sandboxes| sandboxes.docker_host = Some(engine.host())).await;
        let empty = engine.contents().await;
        Self { whole, empty, engine }
    }

    async fn session(&self) -> SessionId {
        let lab = self.whole.lab("lab1").reference();
        let session =
            request_session(&self.whole.store, LearnerId(Uuid::now_v7()), lab, Origin::Starter).await;
        until_phase(&self.whole.store, session, Phase::Ready).await;
        session
    }

    async fn end(&self, session: SessionId) {
        request_end(&self.whole.store, session).await;
        until("it is over", async || self.is_over(session).await).await;
    }

    async fn is_over(&self, session: SessionId) -> bool {
        self.whole.store.session(session).await.expect("a read").expect("the session").phase == Phase::Ended
    }

    /// What a command says in a session.
    async fn says(&self, session: SessionId, script: &str) -> String {
        let row = until_done(&self.whole.store, exec(&self.whole.store, session, script).await).await;
        log_of(&self.whole.store, &row).await
    }

    /// Waits until nothing is left of any sandbox.
    async fn until_nothing_is_left(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut left = self.engine.contents().await;
        while left != self.empty && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
            left = self.engine.contents().await;
        }
        assert_eq!(left, self.empty);
        let volumes = self.whole.sandboxes.disk_space().await.expect("the volumes").written_bytes;
        assert_eq!(volumes, [0; 0], "volumes of nobody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_live_restore_sandboxes_shells_and_the_learners_containers_live_on() {
    let mut stage = Stage::set(true).await;
    let runner = stage.whole.start_runner().await;
    let session = stage.session().await;
    stage.says(session, "docker run --detach --name mine busybox sleep 86400").await;
    let mut client = Client::connect(runner.gateway, session, 0).await;
    client.send("kept=42; echo read''y\n").await;
    client.until("ready\r\n").await;

    // The runner lives: it gets hold of the sandbox again by itself, and the page's connection stays.
    stage.engine.kill();
    assert!(stage.engine.docker().await.is_none());
    stage.engine.start_again().await;
    let back = async {
        while !client.text().contains("still 42") {
            client.send("echo still $kept\n").await;
            client.step_within(Duration::from_secs(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("the shell answers again");
    let next = client.next;
    drop(client);
    assert_eq!(stage.says(session, "docker inspect --format '{{.State.Running}}' mine").await, "true\n");

    // The runner dies too: its next process adopts what lives.
    stage.engine.kill();
    runner.kill();
    stage.engine.start_again().await;
    let runner = stage.whole.start_runner().await;
    until_phase(&stage.whole.store, session, Phase::Ready).await;
    let mut client = Client::connect(runner.gateway, session, next).await;
    assert_eq!(client.hello["from"], next, "it goes on where it was");
    client.send("echo the same shell: $kept\n").await;
    client.until("the same shell: 42\r\n").await;
    drop(client);
    assert_eq!(stage.says(session, "docker inspect --format '{{.State.Running}}' mine").await, "true\n");
    assert_eq!(stage.whole.sandboxes.list().await.expect("a list").len(), 1);

    stage.end(session).await;
    stage.until_nothing_is_left().await;
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_ends_while_its_engine_is_dead_leaves_nothing_behind() {
    let mut stage = Stage::set(true).await;
    let runner = stage.whole.start_runner().await;
    stage.session().await;
    let runtime = stage.engine.runtime().display().to_string();
    runner.kill();
    stage.engine.kill();
    assert_ne!(processes_with(&runtime), 0, "what it started lives on");
    stage.engine.end_left_overs();
    assert_eq!(processes_with(&runtime), 0);
    drop(stage);
    assert!(!std::fs::exists(&runtime).expect("a look"));
}

/// How many processes have this in their command lines.
fn processes_with(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(text)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_live_restore_sessions_end_with_the_cause_and_new_ones_start() {
    let mut stage = Stage::set(false).await;
    let runner = stage.whole.start_runner().await;
    let reason = Some(EndReason::SandboxDied { cause: "host_engine_restarted".to_owned() });
    let ended_by = async |stage: &Stage, session| {
        until("it is over", async || stage.is_over(session).await).await;
        stage.whole.store.session(session).await.expect("a read").expect("the session").end_reason
    };

    // Under the eyes of a runner.
    let session = stage.session().await;
    stage.engine.kill();
    stage.engine.start_again().await;
    assert_eq!(ended_by(&stage, session).await, reason);
    stage.until_nothing_is_left().await;

    // While there is none.
    let session = stage.session().await;
    stage.engine.kill();
    runner.kill();
    stage.engine.start_again().await;
    let runner = stage.whole.start_runner().await;
    assert_eq!(ended_by(&stage, session).await, reason);
    stage.until_nothing_is_left().await;

    let session = stage.session().await;
    assert_eq!(stage.says(session, "docker run --rm busybox echo works").await, "works\n");
    stage.end(session).await;
    stage.until_nothing_is_left().await;
    runner.stop().await;
}
