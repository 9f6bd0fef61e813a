//! Bytes both ways between the runner and something in the sandbox: what commands and connections to ports have in common.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use containrlab_agent::frame::{CHUNK, WINDOW};
use containrlab_agent::message::{ErrorCode, Reply, WireError};

use crate::connection::Outbox;
use crate::poll::{self, Ready};
use crate::window::Window;

/// Chunks of input that wait to be read.
const QUEUE: usize = 16;
/// Time between two looks at whether a silent stream has ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks at whether what takes no input has ended.
const FEED_LIMIT: Duration = Duration::from_millis(200);

/// Bytes to be taken in, and the request to answer once they are.
pub(crate) struct Input {
    request: u64,
    bytes: Vec<u8>,
    end: bool,
}

/// Input on its way to whoever reads it.
pub(crate) struct InputQueue(Mutex<Option<SyncSender<Input>>>);

impl InputQueue {
    /// A queue, and the end that [`feed`] takes from.
    pub(crate) fn open() -> (InputQueue, Receiver<Input>) {
        let (sender, receiver) = sync_channel(QUEUE);
        (InputQueue(Mutex::new(Some(sender))), receiver)
    }

    /// A queue that takes nothing.
    pub(crate) fn closed() -> InputQueue {
        InputQueue(Mutex::new(None))
    }

    /// Queues bytes; with `end` they are the last.
    pub(crate) fn push(&self, request: u64, bytes: Vec<u8>, end: bool) -> Result<(), WireError> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = queue.as_ref() else {
            return Err(WireError::new(ErrorCode::Ended, "The input is closed."));
        };
        let sent = sender.try_send(Input { request, bytes, end });
        if end {
            *queue = None;
        }
        sent.map_err(|error| match error {
            TrySendError::Full(_) => WireError::new(ErrorCode::Busy, "Earlier input hasn't been read yet."),
            TrySendError::Disconnected(_) => WireError::new(ErrorCode::Ended, "The input is closed."),
        })
    }

    /// Takes no more; what is queued is still answered.
    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Sends bytes on until there are no more, each chunk under `reply`. Room is taken only when there is something to read, so
/// that a silent stream doesn't hold the room of another one under the same window.
///
/// Once it has `ended`, what is in the stream by then is still sent, and nothing after: somebody may have been handed the
/// stream's other end and may go on writing for ever.
pub(crate) fn forward(
    id: u64,
    from: &mut (impl Read + AsFd),
    reply: &Reply,
    window: &Window,
    outbox: &Outbox,
    ended: &AtomicBool,
) {
    let mut buffer = vec![0; CHUNK];
    // What may still be sent, once it has ended.
    let mut rest = None;
    loop {
        if rest.is_none() && ended.load(Ordering::SeqCst) {
            rest = Some(waiting(&*from));
        }
        let most = rest.map_or(CHUNK, |rest| rest.min(CHUNK));
        if most == 0 {
            return;
        }
        match poll::readable(&*from, LOOK_EVERY) {
            Ready::Yes => {}
            Ready::No => continue,
            Ready::Broken => return,
        }
        let Some(room) = window.take(most, WINDOW) else { return };
        match from.read(&mut buffer[..room]) {
            Ok(0) => return window.give_back(room),
            Ok(read) => {
                window.give_back(room - read);
                rest = rest.map(|rest| rest.saturating_sub(read));
                outbox.send(id, reply, &buffer[..read]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => window.give_back(room),
            Err(_) => return window.give_back(room),
        }
    }
}

/// Bytes that can be read now.
fn waiting(from: impl AsFd) -> usize {
    rustix::io::ioctl_fionread(from).ok().and_then(|bytes| bytes.try_into().ok()).unwrap_or(0)
}

/// Writes queued input. The other side may never take it: the write is given up when that has ended.
pub(crate) fn feed(
    to: &mut (impl Write + AsFd),
    queue: &Receiver<Input>,
    outbox: &Outbox,
    ended: &AtomicBool,
) {
    for input in queue {
        let mut rest = input.bytes.as_slice();
        let mut taken = true;
        while !rest.is_empty() && taken {
            taken = match poll::writable(&*to, FEED_LIMIT) {
                Ready::No => !ended.load(Ordering::SeqCst),
                Ready::Broken => false,
                // What can be written to has room for at least this much without blocking.
                Ready::Yes => match to.write(&rest[..rest.len().min(4096)]) {
                    Ok(written) => {
                        rest = &rest[written..];
                        true
                    }
                    Err(error) => error.kind() == ErrorKind::Interrupted,
                },
            };
        }
        if taken {
            outbox.send(input.request, &Reply::Done, &[]);
        } else {
            let error = WireError::new(ErrorCode::Ended, "Nobody reads this input any more.");
            outbox.send(input.request, &Reply::Error(error), &[]);
        }
        if input.end {
            return;
        }
    }
}
