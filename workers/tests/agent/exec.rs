//! Commands.

use std::time::{Duration, Instant};

use bytes::Bytes;
use containrlab_agent::message::{ErrorCode, ExecRequest, ProcessExit, Stream};
use containrlab_workers::sandbox::{AgentError, ExecEvent};

use crate::support::{TestAgent, mark, sh, soon, until};

#[tokio::test]
async fn a_command_brings_both_outputs_and_its_code() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let request = ExecRequest {
        env: [("WORD".to_owned(), "hällo".to_owned())].into(),
        ..sh("echo $WORD; pwd; echo no >&2; exit 7")
    };
    let brought = soon("the end", client.exec(request).await.unwrap().collect(1 << 20)).await.unwrap();
    let workspace = agent.workspace();
    assert_eq!(String::from_utf8(brought.stdout).unwrap(), format!("hällo\n{}\n", workspace.display()));
    assert_eq!(brought.stderr, b"no\n");
    assert_eq!(brought.exit.exit, ProcessExit { code: Some(7), signal: None });
    assert!(!brought.exit.timed_out && !brought.exit.cancelled && !brought.truncated);
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_with_a_sentence() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let nonesuch = ExecRequest { argv: vec!["no-such-command".to_owned()], ..ExecRequest::default() };
    let error = client.exec(nonesuch).await.unwrap_err();
    assert!(error.is(ErrorCode::CannotStart));
    assert_eq!(error.to_string(), "There is no command `no-such-command`.");

    let elsewhere = ExecRequest { cwd: Some("nowhere".to_owned()), ..sh("true") };
    assert!(client.exec(elsewhere).await.unwrap_err().is(ErrorCode::CannotStart));
    assert!(client.exec(ExecRequest::default()).await.unwrap_err().is(ErrorCode::BadRequest));
}

#[tokio::test]
async fn when_its_time_is_up_a_command_ends_with_its_whole_tree() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mark = mark();
    // One child in a session of its own whose parent is gone, one that ignores TERM, one of its own.
    let script = format!(
        "(setsid sleep {mark} &) ; sh -c 'trap \"\" TERM HUP; sleep {mark}; sleep {mark}' & sleep {mark} & echo up; wait"
    );
    let began = Instant::now();
    let mut handle = client.exec(ExecRequest { timeout_ms: Some(700), ..sh(&script) }).await.unwrap();
    let up = soon("its output", handle.next()).await.unwrap();
    assert_eq!(up, ExecEvent::Output { stream: Stream::Stdout, bytes: Bytes::from_static(b"up\n") });
    assert!(TestAgent::processes_with(&mark) > 0);
    let brought = soon("the end", handle.collect(1 << 20)).await.unwrap();
    assert!(brought.exit.timed_out && !brought.exit.cancelled);
    assert_eq!(brought.exit.exit, ProcessExit { code: None, signal: Some(15) });
    assert!(began.elapsed() >= Duration::from_millis(700));
    assert_eq!(TestAgent::processes_with(&mark), 0, "the exit is told when nothing is left");
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mark = mark();
    let script = format!("(setsid sleep {mark} >/dev/null 2>&1 &); sleep {mark} & echo done");
    let brought = soon("the end", client.exec(sh(&script)).await.unwrap().collect(1 << 20)).await.unwrap();
    assert_eq!(brought.stdout, b"done\n");
    assert_eq!(brought.exit.exit, ProcessExit { code: Some(0), signal: None });
    assert_eq!(TestAgent::processes_with(&mark), 0);
}

#[tokio::test]
async fn a_cancelled_command_tells_its_end_and_a_dropped_one_ends_too() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let (first, second) = (mark(), mark());
    let handle = client.exec(sh(&format!("sleep {first}"))).await.unwrap();
    handle.cancel();
    let brought = soon("the end", handle.collect(1 << 20)).await.unwrap();
    assert!(brought.exit.cancelled && !brought.exit.timed_out);
    assert_eq!(TestAgent::processes_with(&first), 0);

    // It fills its pipes, so that its drop must not wait for anybody to read.
    let handle = client.exec(sh(&format!("yes & sleep {second}"))).await.unwrap();
    until("it runs", async || TestAgent::processes_with(&second) > 0).await;
    drop(handle);
    until("it is gone", async || TestAgent::processes_with(&second) == 0).await;
    until("the agent has forgotten it", async || client.status().await.unwrap().execs == 0).await;
}

#[tokio::test]
async fn a_command_ends_with_the_connection() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mark = mark();
    let mut handle = client.exec(sh(&format!("yes & sleep {mark}"))).await.unwrap();
    until("it runs", async || TestAgent::processes_with(&mark) > 0).await;
    agent.cut();
    let end = soon("the loss", async {
        loop {
            match handle.next().await {
                Ok(ExecEvent::Output { .. }) => {}
                other => return other,
            }
        }
    })
    .await;
    assert!(matches!(end, Err(AgentError::Lost)), "{end:?}");
    until("it is gone", async || TestAgent::processes_with(&mark) == 0).await;
    // The client comes back by itself.
    let brought = client.exec(sh("echo again")).await.unwrap().collect(100).await.unwrap();
    assert_eq!(brought.stdout, b"again\n");
}

#[tokio::test]
async fn output_that_nobody_reads_stops_the_command_and_nobody_else() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mut flood = client.exec(sh("head -c 50000000 /dev/zero; echo end >&2")).await.unwrap();
    // Others share the connection and are not held up.
    for _ in 0..20 {
        let brought =
            soon("an answer", client.exec(sh("echo through")).await.unwrap().collect(100)).await.unwrap();
        assert_eq!(brought.stdout, b"through\n");
    }
    assert_eq!(client.status().await.unwrap().execs, 1, "the flood still waits for its reader");
    let mut bytes = 0;
    let exit = loop {
        match soon("more of the flood", flood.next()).await.unwrap() {
            ExecEvent::Output { stream: Stream::Stdout, bytes: more } => bytes += more.len(),
            ExecEvent::Output { stream: Stream::Stderr, bytes } => assert_eq!(&bytes[..], b"end\n"),
            ExecEvent::Exit(exit) => break exit,
        }
    };
    assert_eq!(bytes, 50_000_000);
    assert_eq!(exit.exit.code, Some(0));
}

#[tokio::test]
async fn input_reaches_the_command_and_ends() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let request = ExecRequest { stdin: true, ..sh("wc -c; echo counted") };
    let handle = client.exec(request).await.unwrap();
    let chunk = Bytes::from(vec![b'x'; 300_000]);
    soon("the input is taken", async {
        handle.write_stdin(chunk.clone()).await.unwrap();
        handle.write_stdin(chunk).await.unwrap();
        handle.close_stdin().await.unwrap();
    })
    .await;
    assert!(handle.write_stdin(Bytes::from_static(b"late")).await.unwrap_err().is(ErrorCode::Ended));
    let brought = soon("the end", handle.collect(100)).await.unwrap();
    assert_eq!(brought.stdout, b"600000\ncounted\n");
}

#[tokio::test]
async fn what_others_write_into_its_pipe_does_not_hold_up_its_end() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let request = ExecRequest { stdin: true, ..sh("read line; echo last") };
    let ending = client.exec(request).await.unwrap();
    let flood = format!("exec 3>/proc/{}/fd/1; echo open; while :; do echo flood; done >&3", ending.pid());
    let mut flooding = client.exec(sh(&flood)).await.unwrap();
    soon("the other has the pipe", flooding.next()).await.unwrap();
    soon("the input is taken", ending.write_stdin(Bytes::from_static(b"end\n"))).await.unwrap();
    let brought = soon("the end", ending.collect(64 << 20)).await.unwrap();
    assert_eq!(brought.exit.exit, ProcessExit { code: Some(0), signal: None });
    let last = brought.stdout.split(|byte| *byte == b'\n').any(|line| line == b"last");
    assert!(last, "what it wrote itself before its end is all there");
}

#[tokio::test]
async fn commands_come_after_the_agent_in_the_line_for_the_processor() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let brought = soon("the end", client.exec(sh("nice")).await.unwrap().collect(100)).await.unwrap();
    assert_eq!(brought.stdout, b"19\n");
}

#[tokio::test]
async fn a_command_that_ignores_its_input_does_not_keep_the_writer() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let request = ExecRequest { stdin: true, ..sh("sleep 0.2") };
    let handle = client.exec(request).await.unwrap();
    let error = soon("the refusal", handle.write_stdin(Bytes::from(vec![0; 1 << 20]))).await.unwrap_err();
    assert!(error.is(ErrorCode::Ended), "{error}");
    assert_eq!(soon("the end", handle.collect(100)).await.unwrap().exit.exit.code, Some(0));
}

#[tokio::test]
async fn more_commands_than_the_agent_takes_are_refused() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mut running = Vec::new();
    for _ in 0..32 {
        running.push(client.exec(sh("sleep 1000")).await.unwrap());
    }
    assert!(client.exec(sh("true")).await.unwrap_err().is(ErrorCode::Busy));
    running.truncate(31);
    until("there is room again", async || client.exec(sh("true")).await.is_ok()).await;
}
