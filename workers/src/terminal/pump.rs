//! From the agent into memory: reads a terminal's output for as long as the shell lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use containrlab_agent::message::{ErrorCode, ProcessExit};
use tokio_util::sync::CancellationToken;

use super::shell::Terminal;
use crate::sandbox::{AgentError, TerminalEvent};

/// Bytes that may wait in memory for the store. Beyond, the agent is not read any further: it keeps the output itself,
/// and slows the shell down.
const UNRECORDED_LIMIT: u64 = 4 << 20;

/// Bytes that a terminal may put out at once, and each second from then on: a program that prints without end fills
/// neither the store nor the wire.
const BURST: f64 = (8 << 20) as f64;
const RATE: f64 = (1 << 20) as f64;

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
    let mut allowance = Allowance::new();
    loop {
        match stream.next().await {
            Ok(TerminalEvent::Output { position, bytes }) => {
                let length = bytes.len();
                terminal.take(position, bytes);
                tokio::time::sleep(allowance.spend(length)).await;
            }
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

/// How much a terminal may put out at the moment.
struct Allowance {
    left: f64,
    since: Instant,
}

impl Allowance {
    fn new() -> Self {
        Self { left: BURST, since: Instant::now() }
    }

    /// Spends it on some bytes; how long to wait before the next are read.
    fn spend(&mut self, bytes: usize) -> Duration {
        let now = Instant::now();
        self.left =
            (self.left + now.duration_since(self.since).as_secs_f64() * RATE).min(BURST) - bytes as f64;
        self.since = now;
        Duration::from_secs_f64((-self.left / RATE).max(0.0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_an_endless_stream_is_slowed() {
        let mut allowance = Allowance::new();
        assert_eq!(allowance.spend(BURST as usize / 2), Duration::ZERO);
        let wait = allowance.spend(BURST as usize / 2 + RATE as usize);
        assert!(wait > Duration::from_millis(500) && wait <= Duration::from_secs(1), "{wait:?}");
    }
}
