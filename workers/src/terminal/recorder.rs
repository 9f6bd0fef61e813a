//! From memory into the store: records a terminal's output in batches.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::RequestId;
use containrlab_domain::session::{Session, SessionCommand};
use containrlab_store::{CommandError, StoreError};
use tokio_util::sync::CancellationToken;

use super::shell::Terminal;

/// Output that is recorded at once.
const BATCH: usize = 64 * 1024;

/// How long output waits for more of it.
const LINGER: Duration = Duration::from_millis(200);

/// Records until the shell has ended and the ledger knows it, or until the runner stops: then what is in memory is
/// recorded once more, and the next process goes on from there.
pub(super) async fn run(terminal: Arc<Terminal>, stop: CancellationToken) {
    let mut progress = terminal.progress();
    let mut recorded = *terminal.recorded().borrow();
    loop {
        let more = progress.wait_for(|progress| progress.end > recorded || progress.exit.is_some());
        tokio::select! {
            _ = more => {}
            () = stop.cancelled() => {}
        }
        let last = stop.is_cancelled() || terminal.exit().is_some();
        if !last && terminal.output().unrecorded() < BATCH as u64 {
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                _ = progress.wait_for(|progress| progress.end >= recorded + BATCH as u64 || progress.exit.is_some()) => {}
                () = stop.cancelled() => {}
            }
        }
        loop {
            let batch = terminal.output().to_record(BATCH);
            let Some((position, bytes)) = batch else { break };
            if !record(&terminal, recorded, position, &bytes, &stop).await {
                return;
            }
            recorded = position + bytes.len() as u64;
            terminal.note_recorded(recorded);
        }
        if let Some(code) = terminal.exit() {
            close(&terminal, code, &stop).await;
            return;
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Appends, for as long as it takes the store to be there. `false`: the runner stops, and the agent still has it.
async fn record(
    terminal: &Terminal,
    length: u64,
    position: u64,
    bytes: &[u8],
    stop: &CancellationToken,
) -> bool {
    let mut pause = Duration::from_millis(100);
    loop {
        let done = async {
            if position > length {
                // The agent no longer has what lies between: a shell that put out more than it keeps while nobody read.
                terminal.store.skip_recording(terminal.recording, position).await?;
            }
            terminal.store.append_recording(terminal.recording, position, bytes).await
        };
        match done.await {
            Ok(_) => return true,
            Err(error) => {
                tracing::warn!(session = %terminal.session, %error, "terminal output waits for the store");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
        }
    }
}

/// Tells the ledger that the shell ended.
async fn close(terminal: &Terminal, exit_code: i32, stop: &CancellationToken) {
    let mut pause = Duration::from_millis(100);
    loop {
        match tell(terminal, exit_code).await {
            Ok(()) => break,
            Err(error) => {
                tracing::warn!(session = %terminal.session, %error, "a shell's end waits for the store")
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
        }
    }
    // The recording has it all; the agent need not keep it any longer.
    if let Err(error) = terminal.agent.terminal_close(&terminal.agent_name()).await {
        tracing::debug!(session = %terminal.session, %error, "the agent keeps an ended terminal");
    }
    terminal.note_closed();
}

async fn tell(terminal: &Terminal, exit_code: i32) -> Result<(), StoreError> {
    terminal.store.close_recording(terminal.recording).await?;
    let command = SessionCommand::CloseTerminal { terminal: terminal.name.clone(), exit_code };
    let by =
        Provenance { actor: Actor::Terminal(terminal.session), request: RequestId(uuid::Uuid::now_v7()) };
    match terminal.store.execute::<Session>(terminal.session.0, command, &by).await {
        Ok(_) => Ok(()),
        // The session ended meanwhile, and its terminals with it.
        Err(CommandError::Refused(_) | CommandError::Duplicate(_)) => Ok(()),
        Err(CommandError::Conflict | CommandError::StillHeld) => Err(StoreError::CommitUnknown),
        Err(CommandError::Store(error)) => Err(error),
    }
}
