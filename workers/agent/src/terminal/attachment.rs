//! A reader of a terminal's output.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use containrlab_agent::frame::{CHUNK, WINDOW};
use containrlab_agent::message::{ProcessExit, Reply};

use super::{Reader, Terminal};
use crate::connection::Outbox;

/// One reader, from its attaching to its end.
pub(crate) struct Attachment {
    terminal: Arc<Terminal>,
    key: u64,
    from: u64,
    /// Chunks that are under way: (position after the chunk, bytes). Not simply "sent minus consumed", for a reader that lagged is
    /// led over a gap that it never consumes.
    under_way: Mutex<VecDeque<(u64, u64)>>,
}

/// What a reader gets next.
enum Next {
    Chunk { position: u64, bytes: Vec<u8> },
    Exit(ProcessExit, u64),
    Gone,
}

impl Terminal {
    /// Attaches a reader that wants output from this position on.
    pub(crate) fn attach(self: &Arc<Self>, from: u64) -> Arc<Attachment> {
        let mut state = self.state();
        // A position that isn't reached yet belongs to another boot's terminal: then what there is now is meant.
        let from = if from > state.ring.end() { state.ring.start() } else { from.max(state.ring.start()) };
        let key = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(key, Reader { consumed: from, progress: Instant::now(), detached: false });
        Arc::new(Attachment { terminal: Arc::clone(self), key, from, under_way: Mutex::default() })
    }
}

impl Attachment {
    /// Sends output until the reader goes or the shell ends.
    pub(crate) fn run(&self, id: u64, outbox: &Outbox) {
        let terminal = self.terminal.info();
        let mut position = self.from;
        let mut connected = outbox.send(id, &Reply::TerminalAttached { terminal, from: position }, &[]);
        while connected {
            connected = match self.next(position) {
                Next::Chunk { position: start, bytes } => {
                    position = start + bytes.len() as u64;
                    outbox.send(id, &Reply::TerminalOutput { position: start }, &bytes)
                }
                Next::Exit(exit, end) => {
                    outbox.send(id, &Reply::TerminalExit { exit, end }, &[]);
                    false
                }
                Next::Gone => {
                    outbox.send(id, &Reply::Detached, &[]);
                    false
                }
            };
        }
        self.terminal.state().readers.remove(&self.key);
        self.terminal.changed.notify_all();
    }

    /// The reader has consumed up to this position.
    pub(crate) fn acknowledge(&self, upto: u64) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        while under_way.front().is_some_and(|(end, _)| *end <= upto) {
            under_way.pop_front();
        }
        drop(under_way);
        let mut state = self.terminal.state();
        let end = state.ring.end();
        if let Some(reader) = state.readers.get_mut(&self.key)
            && upto > reader.consumed
        {
            reader.consumed = upto.min(end);
            reader.progress = Instant::now();
        }
        drop(state);
        self.terminal.changed.notify_all();
    }

    /// Ends the attachment.
    pub(crate) fn detach(&self) {
        if let Some(reader) = self.terminal.state().readers.get_mut(&self.key) {
            reader.detached = true;
        }
        self.terminal.changed.notify_all();
    }

    fn next(&self, position: u64) -> Next {
        let mut state = self.terminal.state();
        loop {
            if state.closed || state.readers.get(&self.key).is_none_or(|reader| reader.detached) {
                return Next::Gone;
            }
            if position < state.ring.end() {
                let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
                let room = WINDOW.saturating_sub(under_way.iter().map(|(_, bytes)| bytes).sum());
                if room > 0 {
                    let start = position.max(state.ring.start());
                    let bytes = state.ring.read(start, CHUNK.min(usize::try_from(room).unwrap_or(CHUNK)));
                    under_way.push_back((start + bytes.len() as u64, bytes.len() as u64));
                    return Next::Chunk { position: start, bytes };
                }
            } else if let Some(exit) = state.exit {
                return Next::Exit(exit, position);
            }
            state = self.terminal.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
