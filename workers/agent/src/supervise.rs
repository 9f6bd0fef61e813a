//! `supervise`: the parent of everything that runs for the learner, itself as the learner.
//!
//! A process can leave its group and its session, and its parent can die; it can't leave its nearest
//! subreaper. So the supervisor is one: whatever a command leaves behind becomes its child, and nothing that a
//! command started outlives the command. It runs as the learner because root in the sandbox has no
//! CAP_KILL, and needs none this way. It isn't dumpable, so a learner's debugger can't make it lie about an exit.
//!
//! The control stream carries JSON lines. From the agent first the [`Order`]; to the agent `{"started":pid}` or `{"failed":"…"}`,
//! then `{"exit":{…}}`; from the agent at any time a byte [`STOP`] or the end of the stream, which means the same.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use containrlab_agent::message::ProcessExit;
use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::{os, tree};

/// "Stop the command": first gently, after its grace by force.
pub(crate) const STOP: u8 = b'T';

/// How long what a command left behind may take to end once it is told to.
const LEFTOVER_GRACE: Duration = Duration::from_millis(300);

/// What the supervisor says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum News {
    /// The command runs under this process id.
    Started(u32),
    /// It couldn't be started; a sentence.
    Failed(String),
    /// It and all that it started have ended.
    Exit(ProcessExit),
}

/// What the agent wants of the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Standard input is a terminal and becomes the command's own.
    pub(crate) terminal: bool,
    /// Ask only the command itself to stop (an engine stops its children in order), not all that it started.
    pub(crate) leader_only: bool,
    /// Milliseconds between asking to stop and force.
    pub(crate) grace_ms: u64,
    /// Folder to run in.
    pub(crate) cwd: std::path::PathBuf,
}

/// Runs the command and stays until nothing of it is left: `supervise <number of the control stream> <program> [argument …]`.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let control = arguments.next().and_then(|number| os::inherited(number.to_str()?.parse().ok()?).ok());
    let Some(control) = control.map(UnixStream::from) else { return ExitCode::from(2) };
    let Some(order) = read_order(&control) else { return ExitCode::from(2) };
    let failed = |sentence: String| {
        tell(&control, &News::Failed(sentence));
        ExitCode::FAILURE
    };
    os::hide_from_debuggers();
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        return failed(format!("The supervisor can't be set up: {error}."));
    }
    if let Err(error) = std::env::set_current_dir(&order.cwd) {
        return failed(format!("The folder {} can't be entered: {error}.", order.cwd.display()));
    }
    let Some(program) = arguments.next() else { return failed("No command was given.".to_owned()) };
    let mut command = Command::new(&program);
    command.args(arguments);
    os::lead_session(&mut command, order.terminal);
    os::die_with_parent(&mut command);
    os::come_last(&mut command);
    let leader = match command.spawn() {
        Ok(child) => Pid::from_child(&child),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return failed(format!("There is no command `{}`.", program.display()));
        }
        Err(error) => return failed(format!("`{}` can't be started: {error}.", program.display())),
    };
    if let Err(error) = let_go_of_stdio() {
        // The pipes would then end only with the supervisor, which is after the command: late, not wrong.
        eprintln!("containrlab-agent: the command's pipes stay open: {error}");
    }
    tell(&control, &News::Started(leader.as_raw_nonzero().get().unsigned_abs()));

    let ended = Arc::new(AtomicBool::new(false));
    if let Ok(from_agent) = control.try_clone() {
        let ended = Arc::clone(&ended);
        std::thread::spawn(move || stop_when_told(from_agent, &order, leader, &ended));
    }
    let exit = wait_for(leader);
    ended.store(true, Ordering::SeqCst);
    tree::end_descendants(LEFTOVER_GRACE);
    tell(&control, &News::Exit(exit));
    ExitCode::SUCCESS
}

/// Reads the first line, byte by byte: what follows it is read by another thread.
fn read_order(mut control: &UnixStream) -> Option<Order> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        control.read_exact(&mut byte).ok()?;
        line.push(byte[0]);
    }
    serde_json::from_slice(&line).ok()
}

/// Reaps until the leader has ended; orphans of its making are reaped on the way.
fn wait_for(leader: Pid) -> ProcessExit {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == leader => {
                return ProcessExit { code: status.exit_status(), signal: status.terminating_signal() };
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return ProcessExit::default(),
        }
    }
}

/// Waits for [`STOP`] or the stream's end, asks the command to stop and, when its grace is over, forces it.
fn stop_when_told(mut from_agent: UnixStream, order: &Order, leader: Pid, ended: &AtomicBool) {
    let mut byte = [0];
    while matches!(&from_agent.read(&mut byte), Err(error) if error.kind() == ErrorKind::Interrupted) {}
    if ended.load(Ordering::SeqCst) {
        return;
    }
    if order.leader_only {
        let _ = rustix::process::kill_process(leader, Signal::TERM);
    } else {
        tree::signal_descendants(Signal::TERM);
        // A shell at its prompt ignores TERM; its terminal's end is what it listens to.
        tree::signal_descendants(Signal::HUP);
        // What was stopped (Ctrl-Z) hears nothing until it goes on.
        tree::signal_descendants(Signal::CONT);
    }
    let deadline = Instant::now() + Duration::from_millis(order.grace_ms);
    while !ended.load(Ordering::SeqCst) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    if !ended.load(Ordering::SeqCst) {
        tree::kill_descendants();
    }
}

/// The command has its own copies; ours would keep its pipes open after its end.
fn let_go_of_stdio() -> std::io::Result<()> {
    let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

fn tell(mut control: &UnixStream, news: &News) {
    if let Ok(mut line) = serde_json::to_vec(news) {
        line.push(b'\n');
        // The agent is gone: then the container is going, too.
        let _ = control.write_all(&line);
    }
}
