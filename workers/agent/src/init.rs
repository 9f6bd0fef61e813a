//! `init`: process 1. It starts the agent proper, reaps what nobody else does, passes the stop on, and does nothing else: what
//! does little fails seldom, and when process 1 ends, so does the sandbox.

use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};

use crate::config::Config;
use crate::os;

/// Starts the agent and stays until it has ended.
pub(crate) fn main(config: &Config) -> ExitCode {
    let signals = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT];
    let agent = os::hold_signals(&signals)
        .and_then(|()| os::release_signals(Command::new(std::env::current_exe()?).arg("serve")).spawn());
    let agent = match agent {
        Ok(agent) => Pid::from_child(&agent),
        Err(error) => {
            eprintln!("containrlab-agent: the agent can't be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let limit = config.engine.as_ref().map_or(0, |engine| engine.stop_ms) + 2000;
    let mut stopping = false;
    loop {
        match os::next_signal(&signals) {
            Ok(libc::SIGCHLD) => {
                if let Some(code) = reap(agent) {
                    return code;
                }
            }
            Ok(_) => {
                let _ = rustix::process::kill_process(agent, Signal::TERM);
                if !stopping {
                    stopping = true;
                    // When process 1 ends, the kernel ends all others: nothing can hold up a stop for longer.
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(limit));
                        std::process::exit(0);
                    });
                }
            }
            Err(error) => {
                eprintln!("containrlab-agent: signals can't be awaited: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
}

/// Reaps all that has ended; one signal may stand for many. The agent's own end is process 1's end.
fn reap(agent: Pid) -> Option<ExitCode> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == agent => {
                let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
                if code != Some(0) {
                    eprintln!("containrlab-agent: the agent ended: {status:?}");
                }
                return Some(code.map_or(ExitCode::FAILURE, ExitCode::from));
            }
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}
