//! One terminal: a shell in the sandbox as its clients see it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use containrlab_domain::ids::{RecordingId, SessionId};
use containrlab_store::Store;
use tokio::sync::watch;

use super::output::Output;
use crate::sandbox::{AgentClient, AgentError};

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Columns.
    pub(crate) cols: u16,
    /// Rows.
    pub(crate) rows: u16,
}

impl Size {
    /// A size that a terminal can have: nobody's window is larger, and a pty of no size breaks programs.
    pub(crate) fn new(cols: u16, rows: u16) -> Self {
        Self { cols: cols.clamp(2, 1000), rows: rows.clamp(1, 500) }
    }
}

/// How far a terminal's output has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Position of the next byte.
    pub(super) end: u64,
    /// The shell's exit code, once it has ended.
    pub(super) exit: Option<i32>,
    /// Everything is recorded, and the ledger knows of the end.
    pub(super) closed: bool,
}

/// How a terminal was found.
pub(super) struct Found {
    /// Bytes that the recording has.
    pub(super) recorded: u64,
    /// Bytes that the shell has put out.
    pub(super) reached: u64,
    /// Its size.
    pub(super) size: Size,
}

/// One terminal.
pub(crate) struct Terminal {
    /// Its name within the session.
    pub(crate) name: String,
    /// Where its output is kept; also its name in the agent.
    pub(crate) recording: RecordingId,
    pub(super) session: SessionId,
    pub(super) agent: AgentClient,
    pub(super) store: Store,
    /// Where the output stood in the agent when this began to read it: as far as a client may have come with an earlier
    /// process of the runner.
    reached: u64,
    output: Mutex<Output>,
    size: Mutex<Size>,
    progress: watch::Sender<Progress>,
    recorded: watch::Sender<u64>,
    /// How often it printed so much for so long that it was slowed down.
    floods: AtomicU64,
}

impl Terminal {
    pub(super) fn new(
        name: String,
        recording: RecordingId,
        session: SessionId,
        agent: AgentClient,
        store: Store,
        found: Found,
    ) -> Self {
        let Found { recorded, reached, size } = found;
        Self {
            name,
            recording,
            session,
            agent,
            store,
            reached,
            output: Mutex::new(Output::after(recorded)),
            size: Mutex::new(size),
            progress: watch::Sender::new(Progress { end: recorded, exit: None, closed: false }),
            recorded: watch::Sender::new(recorded),
            floods: AtomicU64::new(0),
        }
    }

    /// Its name in the agent.
    pub(super) fn agent_name(&self) -> String {
        self.recording.to_string()
    }

    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        // Nothing panics while it holds the lock, and output that a panic elsewhere left behind is still whole.
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn recorded(&self) -> watch::Receiver<u64> {
        self.recorded.subscribe()
    }

    /// Takes output from the agent.
    pub(super) fn take(&self, position: u64, bytes: Bytes) {
        let mut output = self.output();
        output.push(position, bytes);
        let end = output.end();
        drop(output);
        self.progress.send_modify(|progress| progress.end = end);
    }

    pub(super) fn note_recorded(&self, until: u64) {
        self.output().note_recorded(until);
        self.recorded.send_replace(until);
    }

    pub(super) fn note_flood(&self) {
        self.floods.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn floods(&self) -> u64 {
        self.floods.load(Ordering::Relaxed)
    }

    pub(super) fn note_exit(&self, code: i32) {
        self.progress.send_modify(|progress| progress.exit = Some(code));
    }

    pub(super) fn note_closed(&self) {
        self.progress.send_modify(|progress| progress.closed = true);
    }

    /// The shell's exit code, once it has ended.
    pub(crate) fn exit(&self) -> Option<i32> {
        self.progress.borrow().exit
    }

    /// Position of the next byte of output.
    pub(crate) fn end(&self) -> u64 {
        self.progress.borrow().end
    }

    /// Whether a client can have come to this position with this very shell.
    pub(super) fn is_known(&self, position: u64) -> bool {
        position <= self.reached.max(self.end())
    }

    /// Waits until the ledger knows that the shell has ended and the recording is whole.
    pub(super) async fn closed(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.progress().wait_for(|progress| progress.closed).await;
    }

    /// Types.
    pub(crate) async fn input(&self, bytes: Bytes) -> Result<(), AgentError> {
        self.agent.terminal_input(&self.agent_name(), bytes).await
    }

    /// Gives the terminal the size of the client that is active now. The same size again costs nothing.
    pub(crate) async fn resize(&self, size: Size) -> Result<(), AgentError> {
        {
            let mut current = self.size.lock().unwrap_or_else(PoisonError::into_inner);
            if *current == size {
                return Ok(());
            }
            *current = size;
        }
        self.agent.terminal_resize(&self.agent_name(), size.cols, size.rows).await?;
        // A replay shows the wrong width for a while if this is lost; nothing else depends on it.
        if let Err(error) = self.store.append_resize(self.recording, self.end(), size.cols, size.rows).await {
            tracing::warn!(session = %self.session, %error, "a terminal's new size could not be recorded");
        }
        Ok(())
    }
}
