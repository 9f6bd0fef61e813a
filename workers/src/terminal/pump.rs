//! From the agent into memory: reads a terminal's output for as long as the shell lives.

use std::sync::Arc;
use std::time::Duration;

use containrlab_agent::message::{ErrorCode, ProcessExit};
use tokio_util::sync::CancellationToken;

use super::shell::Terminal;
use crate::sandbox::{AgentError, TerminalEvent};

/// Bytes that may wait in memory for the store. Beyond, the agent is not read any further: it keeps the output itself,
/// and slows the shell down.
const UNRECORDED_LIMIT: u64 = 4 << 20;

/// Why the pump stopped reading.
enum End {
    Exit(ProcessExit),
    Gone,
}

/// Reads until the shell ends. A connection that breaks is made again, from where the output stands.
pub(super) async fn run(terminal: Arc<Terminal>, stop: CancellationToken) {
    let mut pause = Duration::from_millis(50);
    loop {
        let before = terminal.end();
        let read = tokio::select! {
            () = stop.cancelled() => return,
            read = read(&terminal) => read,
        };
        match read {
            Ok(End::Exit(exit)) => return terminal.note_exit(exit_code(exit)),
            Ok(End::Gone) => return terminal.note_exit(LOST),
            Err(error) => {
                tracing::debug!(session = %terminal.session, terminal = terminal.name, %error, "reading again");
            }
        }
        pause = if terminal.end() > before { Duration::from_millis(50) } else { (pause * 2).min(MAX_PAUSE) };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Exit code of a shell of which nobody knows how it ended.
pub(super) const LOST: i32 = -1;

async fn read(terminal: &Terminal) -> Result<End, AgentError> {
    let from = terminal.end();
    let mut stream = match terminal.agent.terminal_attach(&terminal.agent_name(), from).await {
        Err(error) if is_gone(&error) => return Ok(End::Gone),
        other => other?.0,
    };
    let mut recorded = terminal.recorded();
    loop {
        match stream.next().await {
            Ok(TerminalEvent::Output { position, bytes }) => terminal.take(position, bytes),
            Ok(TerminalEvent::Exit { exit, .. }) => return Ok(End::Exit(exit)),
            Ok(TerminalEvent::Closed) => return Ok(End::Gone),
            Err(error) if is_gone(&error) => return Ok(End::Gone),
            Err(error) => return Err(error),
        }
        while terminal.output().unrecorded() > UNRECORDED_LIMIT {
            // The sender lives as long as the terminal.
            let _ = recorded.changed().await;
        }
    }
}

/// Whether the shell can never come back. A sandbox that is gone as a whole is for others to tell.
fn is_gone(error: &AgentError) -> bool {
    error.is(ErrorCode::NotFound) || matches!(error, AgentError::Restarted)
}

/// As a shell would put it in `$?`.
fn exit_code(exit: ProcessExit) -> i32 {
    match (exit.code, exit.signal) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => LOST,
    }
}
