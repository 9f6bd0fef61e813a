//! The agent where it belongs: another user's processes without CAP_KILL, private files without CAP_DAC_OVERRIDE, a real engine.

use std::time::Duration;

use bytes::Bytes;
use containrlab_agent::message::{EngineState, ErrorCode, ExecRequest, FileKind, TerminalOpen};
use containrlab_workers::sandbox::{AgentClient, Collected, Sandbox, TerminalEvent};

use crate::bed::{Bed, eventually, learner, run_as};

fn bash(script: &str) -> ExecRequest {
    ExecRequest { argv: ["bash", "-c", script].map(str::to_owned).to_vec(), ..ExecRequest::default() }
}

async fn run(agent: &AgentClient, request: ExecRequest) -> Collected {
    agent.exec(request).await.expect("it starts").collect(1 << 20).await.expect("it ends")
}

fn text(collected: &Collected) -> String {
    String::from_utf8_lossy(&collected.stdout).into_owned()
}

/// How many processes in the sandbox have this in their command line, counted by another way than the agent.
async fn count(bed: &Bed, sandbox: &Sandbox, mark: &str) -> usize {
    let listed = run_as(bed, sandbox, "root", "ps -eo args").await;
    listed.output.lines().filter(|line| line.contains(mark)).count()
}

#[tokio::test]
async fn commands_are_the_learners_and_end_with_all_they_started() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let agent = sandbox.agent();
    let who =
        run(agent, bash("id --user; id --groups; pwd; grep CapEff /proc/self/status; cat /proc/1/environ"))
            .await;
    assert_eq!(text(&who), "1000\n1000\n/workspace\nCapEff:\t0000000000000000\n");
    assert_eq!(who.exit.exit.code, Some(1), "the agent's own process is closed to the learner");

    let script = "(setsid sleep 98761 &); unshare --user --map-root-user sleep 98761 & \
                  bash -c 'trap \"\" TERM HUP; sleep 98761; sleep 98761' & wait";
    let ended = run(agent, ExecRequest { timeout_ms: Some(1500), ..bash(script) }).await;
    assert!(ended.exit.timed_out);
    assert_eq!(count(&bed, &sandbox, "sleep 98761").await, 0);
    assert_eq!(
        agent.status().await.expect("status").engine.state,
        EngineState::Ready,
        "the engine is not among them"
    );
}

#[tokio::test]
async fn a_terminal_is_the_learners_own_and_survives_the_runner() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let open = TerminalOpen {
        terminal: "main".to_owned(),
        cols: 100,
        rows: 30,
        argv: Vec::new(),
        cwd: None,
        env: [].into(),
    };
    assert!(sandbox.agent().terminal_open(open.clone()).await.expect("a terminal").1);
    let typed = "stat --format %U $(tty); stty size; docker ps --quiet && echo engine''-reached; kept=yes\n";
    sandbox.agent().terminal_input("main", Bytes::from(typed)).await.expect("typing");
    let first = read_until(sandbox.agent(), 0, "engine-reached").await;
    assert!(first.contains("learner\r\n") && first.contains("30 100\r\n"), "{first}");

    // As a new process of the runner would: another connection, through the engine again.
    let adopted = bed.sandboxes.adopt(sandbox.id()).await.expect("adoption");
    assert!(!adopted.agent().terminal_open(open).await.expect("the same terminal").1);
    adopted
        .agent()
        .terminal_input("main", Bytes::from("echo still''-$kept; exit 4\n"))
        .await
        .expect("typing");
    let all = read_until(adopted.agent(), 0, "still-yes").await;
    assert!(all.starts_with(&first), "nothing of the scrollback is lost:\n{all}");
}

/// What a terminal put out from a position on, until this is in it.
async fn read_until(agent: &AgentClient, from: u64, wanted: &str) -> String {
    let (mut reader, _) = agent.terminal_attach("main", from).await.expect("attached");
    let mut seen = Vec::new();
    let reading = async {
        loop {
            match reader.next().await.expect("output") {
                TerminalEvent::Output { position, bytes } => {
                    assert_eq!(position, from + seen.len() as u64);
                    seen.extend_from_slice(&bytes);
                }
                end => panic!("{end:?} before {wanted} in {}", String::from_utf8_lossy(&seen)),
            }
            let text = String::from_utf8_lossy(&seen);
            if text.contains(wanted) {
                return text.into_owned();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("it comes soon")
}

#[tokio::test]
async fn private_files_are_read_and_links_to_the_agents_world_are_not_followed() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let agent = sandbox.agent();
    let made = learner(
        &bed,
        &sandbox,
        "umask 077 && mkdir -p private && echo mine > private/file && ln -s /etc/shadow shadow && ln -s /run run",
    )
    .await;
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(&agent.file_read("private/file", 100).await.expect("the learner's own").1[..], b"mine\n");
    agent.file_write("private/file", Bytes::from_static(b"changed"), None).await.expect("written");
    let entries = agent.files_list(100, &[]).await.expect("a list").entries;
    let links = entries.iter().filter(|entry| entry.kind == FileKind::Link).count();
    assert_eq!((entries.len(), links), (4, 2), "{entries:?}");
    for path in ["shadow", "run/containrlab/agent.sock"] {
        assert!(agent.file_read(path, 100).await.expect_err(path).is(ErrorCode::Link));
    }
    let owner = learner(&bed, &sandbox, "stat --format '%U %a' private/file").await;
    assert_eq!(owner.output, "learner 600\n");

    // A container's files belong to other users of the learner's range; the list goes on around them.
    let made = learner(
        &bed,
        &sandbox,
        "docker run --rm --volume /workspace:/w busybox sh -c \
         'mkdir -p /w/theirs/deep && touch /w/theirs/file /w/theirs/deep/x && chown -R 33:33 /w/theirs && chmod 744 /w/theirs'",
    )
    .await;
    assert_eq!(made.code, 0, "{made:?}");
    let listing = agent.files_list(100, &[]).await.expect("a list");
    assert!(listing.hidden > 0);
    assert!(listing.entries.iter().any(|entry| entry.path == "private/file"));
    assert!(agent.file_delete("theirs").await.expect_err("not the learner's").is(ErrorCode::Denied));
}

#[tokio::test]
async fn an_engine_that_the_learner_kills_comes_back() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let agent = sandbox.agent();
    // Its parts one after the other, then everything that the learner may kill; what is left behind must not be in the way of
    // the next engine.
    let victims = [
        "pkill -KILL dockerd",
        "pkill -KILL containerd",
        // The oldest one: the name stands in this command's own line, too.
        "pkill -KILL -o -f 'supervise [0-9]+ rootlesskit'",
        "kill -KILL -1",
    ];
    for (n, victim) in victims.into_iter().enumerate() {
        // The last one takes its own shell with it, perhaps before its start is told.
        if let Ok(running) = agent.exec(bash(victim)).await {
            running.collect(1000).await.expect("it ends");
        }
        eventually(victim, async || {
            let engine = agent.status().await.expect("the agent is not the learner's to kill").engine;
            engine.restarts > n as u32 && engine.state == EngineState::Ready
        })
        .await;
    }
    let version = run(agent, bash("docker run --rm busybox echo alive")).await;
    assert_eq!(text(&version), "alive\n", "{}", String::from_utf8_lossy(&version.stderr));
}
