//! The engine's keeper, with a shell command for an engine and this test for its socket.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::routing::get;
use containrlab_agent::message::{EngineState, ErrorCode};
use containrlab_workers::sandbox::{AgentClient, AgentError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::Instant;

use crate::support::{LIMIT, TestAgent, mark, until};

async fn state(client: &AgentClient) -> EngineState {
    client.status().await.unwrap().engine.state
}

/// Answers as an engine that is ready.
fn answer(listener: UnixListener) {
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let read = stream.read(&mut asked).await.unwrap();
            assert!(asked[..read].starts_with(b"GET /_ping "));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await.unwrap();
        }
    });
}

#[tokio::test]
async fn an_engine_is_ready_when_it_answers_and_started_again_when_it_dies() {
    let mark = mark();
    let agent = TestAgent::with_engine(&format!("echo warming up; exec sleep {mark}")).await;
    let client = agent.client().await;
    until("the engine's log is there", async || client.status().await.unwrap().engine.log == ["warming up"])
        .await;
    assert_eq!(state(&client).await, EngineState::Starting);
    let early = client.wait_ready(Instant::now() + Duration::from_millis(100)).await.unwrap_err();
    assert!(
        matches!(&early, AgentError::NotReady(status) if status.state == EngineState::Starting),
        "{early}"
    );

    answer(UnixListener::bind(agent.engine_socket()).unwrap());
    let status = client.wait_ready(Instant::now() + LIMIT).await.unwrap();
    assert_eq!((status.engine.restarts, status.engine.detail), (0, None));
    assert!(status.engine.first_ready_ms.is_some() && status.engine.log.is_empty());

    let sleeping = format!("sleep\0{mark}");
    let before = TestAgent::pids_with(&sleeping);
    // The supervisor's command line holds it too; the engine itself is what begins with it.
    let engine = before.iter().find(|pid| is_program(**pid, "sleep")).copied().unwrap();
    let engine = rustix::process::Pid::from_raw(engine as i32).unwrap();
    rustix::process::kill_process(engine, rustix::process::Signal::KILL).unwrap();
    until("it is started again", async || client.status().await.unwrap().engine.restarts == 1).await;
    let status = client.wait_ready(Instant::now() + LIMIT).await.unwrap();
    assert_eq!(status.engine.restarts, 1);
    assert_eq!(TestAgent::pids_with(&sleeping).iter().filter(|pid| is_program(**pid, "sleep")).count(), 1);
}

#[tokio::test]
async fn an_engine_that_cannot_live_counts_as_failed_and_its_last_words_are_told() {
    let agent = TestAgent::with_engine("echo no disk >&2; exit 3").await;
    let client = agent.client().await;
    let error = client.wait_ready(Instant::now() + LIMIT).await.unwrap_err();
    let AgentError::NotReady(status) = &error else { panic!("{error}") };
    assert_eq!(status.state, EngineState::Failed);
    assert_eq!(
        error.to_string(),
        "the sandbox's engine isn't ready: The engine ended with exit code 3. It had not become ready. \
         Its last words: no disk"
    );
    // Waiting any longer is in vain, but the sandbox is of use without.
    assert!(client.terminal_list().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_engines_api_is_asked_over_the_agents_connection() {
    let agent = TestAgent::with_engine("exec sleep 1000").await;
    let client = agent.client().await;
    let error = client.engine_api().await.unwrap_err();
    assert!(error.is(ErrorCode::NotListening), "{error}");
    let pages = axum::Router::new()
        .route("/networks", get(async || Json(["bridge", "host"])))
        .route("/long", get(async || Json("x".repeat(3 << 20))))
        .route("/broken", get(async || (StatusCode::INTERNAL_SERVER_ERROR, "no such table")))
        .route("/nonsense", get(async || "["));
    let listener = UnixListener::bind(agent.engine_socket()).unwrap();
    tokio::spawn(axum::serve(listener, pages).into_future());
    let mut engine = client.engine_api().await.unwrap();
    assert_eq!(engine.get::<Vec<String>>("/networks").await.unwrap(), ["bridge", "host"]);
    assert_eq!(engine.find::<String>("/containers/gone/json").await.unwrap(), None);
    assert_eq!(engine.get::<String>("/long").await.unwrap().len(), 3 << 20, "more than all windows");
    for (path, said) in [
        ("/containers/gone/json", "there is none"),
        ("/broken", "500 Internal Server Error: no such table"),
        ("/nonsense", "EOF while parsing"),
    ] {
        let error = engine.get::<Vec<String>>(path).await.unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(said), "{error}");
    }
    assert_eq!(engine.get::<Vec<String>>("/networks").await.unwrap().len(), 2, "errors cost no connection");
}

#[tokio::test]
async fn an_agent_that_is_told_to_stop_stops_its_engine_in_order() {
    let mark = mark();
    let mut agent = TestAgent::with_engine(&format!("trap 'exit 0' TERM; sleep {mark} & wait")).await;
    let client = agent.client().await;
    until("the engine runs", async || {
        TestAgent::pids_with(&mark).iter().any(|pid| is_program(*pid, "sleep"))
    })
    .await;
    drop(client);
    assert!(agent.stop().success());
    assert!(TestAgent::pids_with(&mark).is_empty());
}

/// Whether a process runs this program.
fn is_program(pid: u32, name: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.starts_with(&[name.as_bytes(), b"\0"].concat()))
}
