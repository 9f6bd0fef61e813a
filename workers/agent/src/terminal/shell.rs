//! The shell behind a terminal, with the threads that carry its bytes.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use containrlab_agent::frame::CHUNK;
use containrlab_agent::message::{ErrorCode, TerminalOpen, WireError};

use super::{Terminal, pty};
use crate::learner::Learner;
use crate::poll::{self, Ready};
use crate::supervised::{self, Spec, Stopper, Supervised};

/// Time that a shell gets to end by itself when its terminal is closed.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// Bytes of input that may wait for the shell to read them: a long paste, not a flood.
const INPUT_LIMIT: usize = 1 << 20;
/// How often a thread that waits for the terminal looks whether the shell has ended. Its end is usually heard at once, by the
/// terminal's hang-up.
const TICK: Duration = Duration::from_secs(1);

/// A running shell.
pub(super) struct Shell {
    ours: Arc<File>,
    stopper: Stopper,
    input: Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Shell {
    /// Asks the shell and all that runs in its terminal to end.
    pub(super) fn stop(&self) {
        self.stopper.stop();
    }

    /// Queues keystrokes.
    pub(super) fn input(&self, bytes: Vec<u8>) -> Result<(), WireError> {
        let length = bytes.len();
        if self.waiting.fetch_add(length, Ordering::SeqCst) + length > INPUT_LIMIT {
            self.waiting.fetch_sub(length, Ordering::SeqCst);
            let sentence =
                "The program in the terminal doesn't read its input; nothing more can wait for it.";
            return Err(WireError::new(ErrorCode::Busy, sentence));
        }
        self.input
            .send(bytes)
            .map_err(|_| WireError::new(ErrorCode::Ended, "The shell of this terminal has ended."))
    }

    /// Sets the size of its terminal.
    pub(super) fn resize(&self, cols: u16, rows: u16) -> Result<(), WireError> {
        pty::resize(&*self.ours, cols, rows).map_err(|error| {
            WireError::new(ErrorCode::Internal, format!("The terminal's size can't be set: {error}."))
        })
    }
}

/// Starts a shell for this terminal.
pub(super) fn start(
    terminal: &Arc<Terminal>,
    learner: &Learner,
    open: &TerminalOpen,
    login_shell: &[String],
) -> Result<Shell, WireError> {
    let cannot = |error: std::io::Error| {
        WireError::new(ErrorCode::CannotStart, format!("A terminal can't be opened: {error}."))
    };
    let (ours, shells) =
        pty::open(open.cols, open.rows, learner.ids).map_err(|error| cannot(error.into()))?;
    let stdio = [
        Stdio::from(shells.try_clone().map_err(cannot)?),
        Stdio::from(shells.try_clone().map_err(cannot)?),
        Stdio::from(shells),
    ];
    let spec = Spec {
        argv: if open.argv.is_empty() { login_shell.to_vec() } else { open.argv.clone() },
        cwd: learner.folder(open.cwd.as_deref()),
        env: open.env.clone(),
        by_platform: false,
        terminal: true,
        leader_only: false,
        grace: GRACE,
        stdio,
        pass: Vec::new(),
    };
    let supervised = supervised::start(learner, spec)?;
    let stopper = supervised.stopper();
    let ours = Arc::new(ours);
    let ended = Arc::new(AtomicBool::new(false));
    let waiting = Arc::new(AtomicUsize::new(0));
    let (input, queue) = channel();
    {
        let (ours, ended, waiting) = (Arc::clone(&ours), Arc::clone(&ended), Arc::clone(&waiting));
        std::thread::spawn(move || feed(&ours, &queue, &waiting, &ended));
    }
    {
        let (ours, terminal) = (Arc::clone(&ours), Arc::clone(terminal));
        std::thread::spawn(move || attend(supervised, &ours, &terminal, &ended));
    }
    Ok(Shell { ours, stopper, input, waiting })
}

/// Carries the shell's output until it and all that it started have ended, then tells the exit.
fn attend(supervised: Supervised, ours: &Arc<File>, terminal: &Arc<Terminal>, ended: &Arc<AtomicBool>) {
    let output = {
        let (ours, terminal, ended) = (Arc::clone(ours), Arc::clone(terminal), Arc::clone(ended));
        std::thread::spawn(move || drain(&ours, &terminal, &ended))
    };
    let waited = supervised.wait(None);
    ended.store(true, Ordering::SeqCst);
    let _ = output.join();
    terminal.shell_ended(waited.exit);
}

/// Reads output into the terminal until the shell has ended and nothing is left.
fn drain(mut ours: &File, terminal: &Terminal, ended: &AtomicBool) {
    let mut buffer = vec![0; CHUNK];
    loop {
        terminal.wait_for_readers();
        // Looked at before the wait: what was written before the end is read after it.
        let last = ended.load(Ordering::SeqCst);
        let read = match poll::readable(ours, TICK) {
            Ready::Yes => ours.read(&mut buffer),
            Ready::No => Err(ErrorKind::WouldBlock.into()),
            Ready::Broken => Ok(0),
        };
        match read {
            Ok(read) if read > 0 => terminal.put_out(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ if last => return,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // Nobody has the terminal open at this moment, but the shell hasn't ended: it may open it again.
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Writes queued keystrokes to the terminal.
fn feed(mut ours: &File, queue: &Receiver<Vec<u8>>, waiting: &AtomicUsize, ended: &AtomicBool) {
    for bytes in queue {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() && !ended.load(Ordering::SeqCst) {
            match poll::writable(ours, TICK) {
                Ready::Yes => match ours.write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                        // The line discipline's buffer is full though poll says otherwise.
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(_) => break,
                },
                Ready::No => {}
                Ready::Broken => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        waiting.fetch_sub(bytes.len(), Ordering::SeqCst);
    }
}
