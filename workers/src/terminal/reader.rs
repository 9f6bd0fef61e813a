//! One client's way through a terminal's output.

use std::sync::Arc;

use bytes::Bytes;
use containrlab_store::{ChunkCode, StoreError};
use tokio::sync::watch;

use super::output::Piece;
use super::shell::{Progress, Terminal};

/// Most bytes in one chunk: small enough that a keystroke's echo does not wait long behind a long listing.
const CHUNK: usize = 32 * 1024;

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Output.
    Output {
        /// Position of the first byte.
        position: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// The shell has ended, and all of its output was read.
    Exit(i32),
}

/// A place in a terminal's output.
pub(crate) struct Reader {
    terminal: Arc<Terminal>,
    progress: watch::Receiver<Progress>,
    next: u64,
    /// Chunks of the recording that are not handed out yet.
    recorded: std::collections::VecDeque<(u64, Bytes)>,
}

impl Reader {
    /// Begins at a position. One that this shell never came to belongs to another shell: then all of this one's is read.
    pub(crate) fn new(terminal: Arc<Terminal>, from: u64) -> Self {
        let next = if terminal.is_known(from) { from } else { 0 };
        let progress = terminal.progress();
        Self { terminal, progress, next, recorded: std::collections::VecDeque::new() }
    }

    /// The position of the next byte that it gets.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Waits for output or the shell's end. May be dropped and called again without losing anything.
    ///
    /// # Errors
    /// When older output has to come from the store, and the store is away.
    pub(crate) async fn next(&mut self) -> Result<Chunk, StoreError> {
        loop {
            if let Some((position, bytes)) = self.recorded.pop_front() {
                return Ok(self.hand_out(position, bytes));
            }
            // Before the look at the output, so that what comes in between is not slept through.
            let exit = self.progress.borrow_and_update().exit;
            let piece = self.terminal.output().read(self.next, CHUNK);
            match piece {
                Piece::Bytes(position, bytes) => return Ok(self.hand_out(position, bytes)),
                Piece::Recorded { until } => self.read_recording(until).await?,
                Piece::Nothing => match exit {
                    Some(code) => return Ok(Chunk::Exit(code)),
                    None => {
                        // The sender lives in the terminal that this holds.
                        let _ = self.progress.changed().await;
                    }
                },
            }
        }
    }

    fn hand_out(&mut self, position: u64, bytes: Bytes) -> Chunk {
        self.next = position + bytes.len() as u64;
        Chunk::Output { position, bytes }
    }

    /// Reads what memory no longer has, up to where memory begins.
    async fn read_recording(&mut self, until: u64) -> Result<(), StoreError> {
        let chunks =
            self.terminal.store.read_recording(self.terminal.recording, self.next, 4 * CHUNK).await?;
        let mut expected = self.next;
        for chunk in chunks.into_iter().filter(|chunk| chunk.code == ChunkCode::Output) {
            let end = (chunk.position + chunk.data.len() as u64).min(until);
            let start = chunk.position.max(expected);
            if start < end {
                let slice = (start - chunk.position) as usize..(end - chunk.position) as usize;
                self.recorded.push_back((start, chunk.data.slice(slice)));
                expected = end;
            }
        }
        if self.recorded.is_empty() {
            // What lies between was never recorded: the agent had lost it before anybody read it.
            let goes_on = self.terminal.store.recording_goes_on(self.terminal.recording, self.next).await?;
            self.next = goes_on.map_or(until, |position| position.min(until));
        }
        Ok(())
    }
}
