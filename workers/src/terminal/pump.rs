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

/// From that many bytes on, a terminal may put out less each second: what is left running for an hour stays a recording that
/// somebody can keep.
const LONG: f64 = (64 << 20) as f64;
const LONG_RATE: f64 = (128 << 10) as f64;

/// How long a terminal's allowance has to be all but used up before that counts as a flood, and not as a long listing.
const FLOOD: Duration = Duration::from_secs(3);

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
                let wait = allowance.spend(length);
                if allowance.is_new_flood() {
                    terminal.note_flood();
                }
                tokio::time::sleep(wait).await;
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
    /// All that was ever put out.
    total: f64,
    /// Since when it is all but used up.
    low_since: Option<Instant>,
    told: bool,
}

impl Allowance {
    fn new() -> Self {
        Self { left: BURST, since: Instant::now(), total: 0.0, low_since: None, told: false }
    }

    /// Spends it on some bytes; how long to wait before the next are read.
    fn spend(&mut self, bytes: usize) -> Duration {
        let now = Instant::now();
        let rate = if self.total > LONG { LONG_RATE } else { RATE };
        self.left =
            (self.left + now.duration_since(self.since).as_secs_f64() * rate).min(BURST) - bytes as f64;
        self.since = now;
        self.total += bytes as f64;
        if self.left < BURST / 8.0 {
            self.low_since.get_or_insert(now);
        } else if self.left > BURST / 4.0 {
            (self.low_since, self.told) = (None, false);
        }
        Duration::from_secs_f64((-self.left / rate).max(0.0))
    }

    /// Whether the last bytes made it a flood.
    fn is_new_flood(&mut self) -> bool {
        let is_flood = self.low_since.is_some_and(|since| self.since.duration_since(since) > FLOOD);
        is_flood && !std::mem::replace(&mut self.told, is_flood)
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

    #[test]
    fn a_long_flood_is_told_once_and_slowed_further() {
        let mut allowance = Allowance::new();
        allowance.spend(BURST as usize);
        assert!(!allowance.is_new_flood());
        // As if it had gone on for that long.
        allowance.low_since = allowance.low_since.and_then(|since| since.checked_sub(2 * FLOOD));
        allowance.spend(RATE as usize);
        assert!(allowance.is_new_flood());
        allowance.spend(RATE as usize);
        assert!(!allowance.is_new_flood(), "it is still the same");
        allowance.spend(LONG as usize);
        let before = allowance.spend(0);
        let more = allowance.spend(LONG_RATE as usize) - before;
        assert!(more > Duration::from_millis(900), "{more:?}");
    }
}
