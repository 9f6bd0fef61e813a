//! Terminals.

use bytes::Bytes;
use containrlab_agent::message::{ErrorCode, ProcessExit, TerminalOpen};
use containrlab_workers::sandbox::{AgentClient, TerminalEvent, TerminalReader};

use crate::support::{TestAgent, soon, until};

/// A terminal with a shell that is the same everywhere.
fn plain(terminal: &str) -> TerminalOpen {
    TerminalOpen {
        terminal: terminal.to_owned(),
        cols: 80,
        rows: 24,
        argv: ["bash", "--norc", "--noprofile", "--noediting"].map(str::to_owned).to_vec(),
        cwd: None,
        env: [("PS1".to_owned(), "$ ".to_owned())].into(),
    }
}

async fn type_in(client: &AgentClient, line: &str) {
    client.terminal_input("main", Bytes::from(line.to_owned())).await.unwrap();
}

/// All that a reader has read, with positions checked: nothing twice, nothing missing.
struct Screen {
    reader: TerminalReader,
    from: u64,
    seen: Vec<u8>,
    gaps: usize,
}

impl Screen {
    async fn attach(client: &AgentClient, from: u64) -> Screen {
        let (reader, _) = client.terminal_attach("main", from).await.unwrap();
        Screen { from: reader.position(), reader, seen: Vec::new(), gaps: 0 }
    }

    async fn next(&mut self) -> TerminalEvent {
        let event = soon("more of the terminal", self.reader.next()).await.unwrap();
        if let TerminalEvent::Output { position, bytes } = &event {
            let expected = self.from + self.seen.len() as u64;
            assert!(*position >= expected, "bytes from {position} on came twice, {expected} was expected");
            if *position > expected {
                self.gaps += 1;
                self.from = *position;
                self.seen.clear();
            }
            self.seen.extend_from_slice(bytes);
        }
        event
    }

    async fn read_until(&mut self, text: &str) {
        while !self.text().contains(text) {
            match self.next().await {
                TerminalEvent::Output { .. } => {}
                other => panic!("{other:?} before {text:?} in {:?}", self.text()),
            }
        }
    }

    async fn read_to_exit(&mut self) -> ProcessExit {
        loop {
            match self.next().await {
                TerminalEvent::Output { .. } => {}
                TerminalEvent::Exit { exit, end } => {
                    assert_eq!(end, self.from + self.seen.len() as u64);
                    return exit;
                }
                TerminalEvent::Closed => panic!("closed"),
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

#[tokio::test]
async fn a_terminal_is_a_terminal_of_its_size() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let (info, started) = client.terminal_open(plain("main")).await.unwrap();
    assert!(started);
    assert_eq!((info.cols, info.rows, info.end, info.exit), (80, 24, 0, None));
    let mut screen = Screen::attach(&client, 0).await;
    type_in(&client, "stty size; tty; echo $TERM $LANG; pwd\n").await;
    screen.read_until("24 80\r\n").await;
    screen.read_until("/dev/pts/").await;
    screen.read_until("xterm-256color C.UTF-8\r\n").await;
    screen.read_until(&format!("{}\r\n", agent.workspace().display())).await;

    client.terminal_resize("main", 132, 43).await.unwrap();
    type_in(&client, "stty size\n").await;
    screen.read_until("43 132\r\n").await;
    // A running program hears of it, and of Ctrl-C.
    let script = "trap 'echo now $(stty size)' WINCH; echo setup; while :; do sleep 0.02; done";
    std::fs::write(agent.workspace().join("script"), script).unwrap();
    type_in(&client, "bash script\n").await;
    screen.read_until("setup\r\n").await;
    client.terminal_resize("main", 100, 30).await.unwrap();
    screen.read_until("now 30 100").await;
    type_in(&client, "\u{3}").await;
    type_in(&client, "echo inter''rupted $?\n").await;
    screen.read_until("interrupted 130\r\n").await;
    assert_eq!(screen.gaps, 0);
}

#[tokio::test]
async fn the_first_terminal_gets_the_shell_that_was_started_in_advance() {
    let agent = TestAgent::with_spare_shell().await;
    let client = agent.client().await;
    let shells = || agent.pids_in_workspace();
    until("a shell is there before anybody asks", async || !shells().is_empty()).await;
    assert_eq!(client.terminal_list().await.unwrap().len(), 0, "nobody has opened a terminal");
    let usual = |terminal: &str| TerminalOpen {
        terminal: terminal.to_owned(),
        cols: 100,
        rows: 30,
        ..TerminalOpen::default()
    };
    let before = shells();
    // Whoever asks for another program than the usual one does not get it.
    assert!(client.terminal_open(plain("other")).await.unwrap().1);
    let (info, started) = client.terminal_open(usual("main")).await.unwrap();
    assert!(started, "for whoever opens it, it is new");
    assert_eq!((info.terminal.as_str(), info.cols, info.rows), ("main", 100, 30));
    assert!(!client.terminal_open(usual("main")).await.unwrap().1);
    let mut screen = Screen::attach(&client, 0).await;
    type_in(&client, "echo shell=$$; stty size\n").await;
    screen.read_until("30 100\r\n").await;
    let text = screen.text();
    // The first is the echo of what was typed.
    let mine = text.split("shell=").find_map(|rest| rest.split('\r').next()?.parse().ok()).unwrap();
    assert!(before.contains(&mine), "{mine} is none of {before:?}");
    assert_eq!(screen.gaps, 0);
    // There is one of it: the next terminal's shell is another.
    assert!(client.terminal_open(usual("second")).await.unwrap().1);
    client.terminal_close("main").await.unwrap();
    client.terminal_close("second").await.unwrap();
    client.terminal_close("other").await.unwrap();
    until("all shells are gone", async || shells().is_empty()).await;
}

#[tokio::test]
async fn opening_again_finds_the_same_shell() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    assert!(client.terminal_open(plain("main")).await.unwrap().1);
    type_in(&client, "x=kept\n").await;
    // Many at once, from another connection too.
    let other = agent.client().await;
    let opened = futures::future::join_all((0..8).map(|n| {
        let client = if n % 2 == 0 { client.clone() } else { other.clone() };
        async move { client.terminal_open(plain("main")).await.unwrap().1 }
    }))
    .await;
    assert_eq!(opened, [false; 8]);
    type_in(&other, "echo is $x\n").await;
    Screen::attach(&client, 0).await.read_until("is kept\r\n").await;
    assert_eq!(client.terminal_list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_shell_and_its_output_survive_broken_connections() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    client.terminal_open(plain("main")).await.unwrap();
    let mut screen = Screen::attach(&client, 0).await;
    type_in(&client, "for i in $(seq 1 40000); do echo line $i of the output; done; echo fin''ished\n").await;
    let mut cuts = 0;
    while !screen.text().contains("finished\r\n") {
        screen.next().await;
        if screen.seen.len() > (cuts + 1) * 100_000 {
            cuts += 1;
            agent.cut();
        }
    }
    assert!(cuts >= 5, "{cuts}");
    assert_eq!(screen.gaps, 0);
    let text = screen.text();
    // The first line stands behind the prompt.
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_start_matches("$ "))
        .filter(|line| line.starts_with("line "))
        .collect();
    assert_eq!(lines.len(), 40_000);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("line {} of the output", n + 1));
    }
    // A client that comes later reads the very same bytes, from any position.
    let later = agent.client().await;
    let end = client.terminal_list().await.unwrap()[0].end;
    for from in [0, 1, 4711, end - 3] {
        let mut again = Screen::attach(&later, from).await;
        assert_eq!(again.from, from);
        while again.from + (again.seen.len() as u64) < end {
            again.next().await;
        }
        assert_eq!(again.gaps, 0);
        let seen_before = &screen.seen[from as usize..];
        assert_eq!(&again.seen[..seen_before.len()], seen_before);
    }
}

#[tokio::test]
async fn every_byte_comes_through_unharmed() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    std::fs::write(agent.workspace().join("bytes"), &all).unwrap();
    let text = "Grüße, 世界 🐳 ".repeat(20_000);
    std::fs::write(agent.workspace().join("text"), &text).unwrap();
    let raw = TerminalOpen {
        argv: ["sh", "-c", "stty raw -echo; cat bytes text"].map(str::to_owned).to_vec(),
        ..plain("main")
    };
    client.terminal_open(raw).await.unwrap();
    let mut screen = Screen::attach(&client, 0).await;
    let exit = screen.read_to_exit().await;
    assert_eq!(exit.code, Some(0));
    assert_eq!(screen.seen.len(), all.len() + text.len());
    assert!(screen.seen == [&all[..], text.as_bytes()].concat());
    // Typed text, too, cut within a character.
    let echo = TerminalOpen {
        argv: ["sh", "-c", "stty -echo; read line; echo \"<$line>\""].map(str::to_owned).to_vec(),
        ..plain("main")
    };
    assert!(client.terminal_open(echo).await.unwrap().1);
    let mut screen = Screen::attach(&client, screen.seen.len() as u64).await;
    let typed = "größer 🐳\n".as_bytes();
    for byte in typed {
        client.terminal_input("main", Bytes::copy_from_slice(&[*byte])).await.unwrap();
    }
    screen.read_until("<größer 🐳>\r\n").await;
}

#[tokio::test]
async fn a_flood_without_readers_keeps_the_newest_bytes_only() {
    let agent = TestAgent::keeping(100_000).await;
    let client = agent.client().await;
    let flood = TerminalOpen {
        argv: ["sh", "-c", "stty -opost; seq 1 2000000; echo last"].map(str::to_owned).to_vec(),
        ..plain("main")
    };
    client.terminal_open(flood).await.unwrap();
    until("the flood is over", async || client.terminal_list().await.unwrap()[0].exit.is_some()).await;
    let info = client.terminal_list().await.unwrap().remove(0);
    assert_eq!(info.end, 14_888_896 + 5);
    assert_eq!(info.end - info.start, 100_000);
    let mut screen = Screen::attach(&client, 0).await;
    assert_eq!(screen.from, info.start, "a reader is told from where output is still there");
    assert_eq!(screen.read_to_exit().await.code, Some(0));
    assert!(screen.text().ends_with("1999999\n2000000\nlast\n"));
}

#[tokio::test]
async fn a_reader_that_reads_gets_all_of_a_flood() {
    let agent = TestAgent::keeping(400_000).await;
    let client = agent.client().await;
    let flood = TerminalOpen {
        // Waits for a key, so that the reader is there from the beginning.
        argv: ["sh", "-c", "stty -opost -echo; read go; seq 1 2000000; echo last"]
            .map(str::to_owned)
            .to_vec(),
        ..plain("main")
    };
    client.terminal_open(flood).await.unwrap();
    let mut screen = Screen::attach(&client, 0).await;
    type_in(&client, "\n").await;
    assert_eq!(screen.read_to_exit().await.code, Some(0));
    assert_eq!(screen.gaps, 0, "the shell waits for a reader that is within its patience");
    assert!(screen.text().ends_with("2000000\nlast\n"));
}

#[tokio::test]
async fn a_reader_that_sleeps_holds_up_a_shell_for_a_while_only() {
    let agent = TestAgent::keeping(400_000).await;
    let client = agent.client().await;
    let flood = TerminalOpen {
        argv: ["sh", "-c", "stty -opost; seq 1 2000000; echo last"].map(str::to_owned).to_vec(),
        ..plain("main")
    };
    client.terminal_open(flood).await.unwrap();
    let mut sleeper = Screen::attach(&client, 0).await;
    // Nobody reads; the shell ends nevertheless.
    until("the flood is over", async || client.terminal_list().await.unwrap()[0].exit.is_some()).await;
    assert_eq!(sleeper.read_to_exit().await.code, Some(0));
    assert!(sleeper.gaps <= 1);
    assert!(sleeper.text().ends_with("2000000\nlast\n"));
}

#[tokio::test]
async fn a_shell_that_ends_is_told_and_the_next_one_goes_on_counting() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    client.terminal_open(plain("main")).await.unwrap();
    let mut screen = Screen::attach(&client, 0).await;
    type_in(&client, "sleep 98765 & echo last words; exit 3\n").await;
    assert_eq!(screen.read_to_exit().await, ProcessExit { code: Some(3), signal: None });
    assert!(screen.text().contains("last words\r\n"));
    let error = client.terminal_input("main", Bytes::from_static(b"x")).await.unwrap_err();
    assert!(error.is(ErrorCode::Ended));
    assert!(client.terminal_resize("main", 80, 24).await.unwrap_err().is(ErrorCode::Ended));
    // Somebody who comes now still reads it all, and the end.
    let mut late = Screen::attach(&client, 0).await;
    assert_eq!(late.read_to_exit().await.code, Some(3));
    assert_eq!(late.seen, screen.seen);

    let (info, started) = client.terminal_open(plain("main")).await.unwrap();
    assert!(started);
    assert!(info.exit.is_none());
    let mut next = Screen::attach(&client, info.end).await;
    type_in(&client, "echo sec''ond\n").await;
    next.read_until("second\r\n").await;
    assert!(!next.text().contains("last words"));
}

#[tokio::test]
async fn a_closed_terminal_is_gone_with_its_processes() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let stubborn = format!("8{}", std::process::id());
    client.terminal_open(plain("main")).await.unwrap();
    let mut screen = Screen::attach(&client, 0).await;
    type_in(
        &client,
        &format!("trap '' TERM HUP; (trap '' TERM HUP; setsid sleep {stubborn}) & echo ar''med\n"),
    )
    .await;
    screen.read_until("armed\r\n").await;
    until("it runs", async || TestAgent::processes_with(&format!("sleep\0{stubborn}")) > 0).await;
    soon("the closing", client.terminal_close("main")).await.unwrap();
    assert_eq!(TestAgent::processes_with(&format!("sleep\0{stubborn}")), 0);
    while screen.next().await != TerminalEvent::Closed {}
    assert!(client.terminal_close("main").await.unwrap_err().is(ErrorCode::NotFound));
    assert!(client.terminal_attach("main", 0).await.unwrap_err().is(ErrorCode::NotFound));
    assert!(client.terminal_list().await.unwrap().is_empty());
}

#[tokio::test]
async fn bad_terminals_are_refused_with_a_sentence() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    for id in ["", "a b", "../x", &"x".repeat(65)] {
        assert!(client.terminal_open(plain(id)).await.unwrap_err().is(ErrorCode::BadRequest), "{id:?}");
    }
    for (cols, rows) in [(0, 24), (80, 0), (u16::MAX, 24)] {
        let open = TerminalOpen { cols, rows, ..plain("main") };
        assert!(client.terminal_open(open).await.unwrap_err().is(ErrorCode::BadRequest));
    }
    let nonesuch = TerminalOpen { argv: vec!["no-such-shell".to_owned()], ..plain("main") };
    assert!(client.terminal_open(nonesuch).await.unwrap_err().is(ErrorCode::CannotStart));
    assert!(client.terminal_list().await.unwrap().is_empty(), "what couldn't be opened takes no place");
    for n in 0..8 {
        client.terminal_open(plain(&format!("t{n}"))).await.unwrap();
    }
    assert!(client.terminal_open(plain("t8")).await.unwrap_err().is(ErrorCode::Busy));
}

#[tokio::test]
async fn a_program_that_does_not_read_lets_a_paste_wait_but_not_without_bound() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let count = TerminalOpen {
        argv: ["sh", "-c", "stty raw -echo; echo ready; sleep 1; head -c 1000000 | wc -c"]
            .map(str::to_owned)
            .to_vec(),
        ..plain("main")
    };
    client.terminal_open(count).await.unwrap();
    let mut screen = Screen::attach(&client, 0).await;
    screen.read_until("ready\n").await;
    client.terminal_input("main", Bytes::from(vec![b'x'; 1_000_000])).await.unwrap();
    let error = client.terminal_input("main", Bytes::from(vec![b'x'; 500_000])).await.unwrap_err();
    assert!(error.is(ErrorCode::Busy), "{error}");
    screen.read_until("1000000").await;
}
