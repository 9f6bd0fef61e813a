//! Commands: run as the learner, output streamed, ended with all that they started.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use containrlab_agent::frame::{CHUNK, WINDOW};
use containrlab_agent::message::{ErrorCode, ExecExit, ExecRequest, Reply, Stream, WireError};

use crate::connection::Outbox;
use crate::learner::Learner;
use crate::poll::{self, Ready};
use crate::supervised::{self, Spec, Stopper, Supervised};
use crate::window::Window;

/// Time that a command gets to end by itself once it is told to stop.
const GRACE: Duration = Duration::from_secs(1);
/// Chunks of input that wait for a command to read them.
const INPUT_QUEUE: usize = 16;
/// A pipe that is still open this long after its command's end (somebody was handed its descriptor) is given up.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// A command that runs, as its connection sees it.
pub(crate) struct Exec {
    stopper: Stopper,
    cancelled: AtomicBool,
    window: Window,
    input: Mutex<Option<SyncSender<Input>>>,
}

/// Bytes for the command, and the request to answer once it has taken them.
struct Input {
    request: u64,
    bytes: Vec<u8>,
    end: bool,
}

impl Exec {
    /// Stops the command and all that it started.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.stopper.stop();
    }

    /// The connection is gone: stops the command and sends nothing more.
    pub(crate) fn abandon(&self) {
        self.cancel();
        self.window.close();
    }

    /// The reader has consumed this many bytes of both streams.
    pub(crate) fn acknowledge(&self, upto: u64) {
        self.window.acknowledge(upto);
    }

    /// Queues input; `request` is answered once the command's pipe has it.
    pub(crate) fn input(&self, request: u64, bytes: Vec<u8>, end: bool) -> Result<(), WireError> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = input.as_ref() else {
            return Err(WireError::new(ErrorCode::Ended, "The command's input is closed."));
        };
        let sent = sender.try_send(Input { request, bytes, end });
        if end {
            *input = None;
        }
        sent.map_err(|error| match error {
            TrySendError::Full(_) => {
                WireError::new(ErrorCode::Busy, "The command hasn't read its earlier input yet.")
            }
            TrySendError::Disconnected(_) => {
                WireError::new(ErrorCode::Ended, "The command's input is closed.")
            }
        })
    }
}

/// A started command whose output isn't read yet.
pub(crate) struct Starting {
    supervised: Supervised,
    began: Instant,
    deadline: Option<Instant>,
    input: Option<Receiver<Input>>,
}

/// Starts the command. The caller makes the [`Exec`] known under its id before it calls [`run`].
pub(crate) fn start(learner: &Learner, request: ExecRequest) -> Result<(Arc<Exec>, Starting), WireError> {
    if request.argv.first().is_none_or(String::is_empty) {
        return Err(WireError::new(ErrorCode::BadRequest, "No command was given."));
    }
    let stdin = if request.stdin { Stdio::piped() } else { Stdio::null() };
    let spec = Spec {
        argv: request.argv,
        cwd: learner.folder(request.cwd.as_deref()),
        env: request.env,
        terminal: false,
        leader_only: false,
        grace: GRACE,
        stdio: [stdin, Stdio::piped(), Stdio::piped()],
    };
    let began = Instant::now();
    let deadline = request.timeout_ms.and_then(|limit| began.checked_add(Duration::from_millis(limit)));
    let supervised = supervised::start(learner, spec)?;
    let (sender, receiver) = if request.stdin {
        let (sender, receiver) = sync_channel(INPUT_QUEUE);
        (Some(sender), Some(receiver))
    } else {
        (None, None)
    };
    let exec = Exec {
        stopper: supervised.stopper(),
        cancelled: AtomicBool::new(false),
        window: Window::default(),
        input: Mutex::new(sender),
    };
    Ok((Arc::new(exec), Starting { supervised, began, deadline, input: receiver }))
}

/// Streams the command's output until it has ended and all is sent; how it ended.
pub(crate) fn run(id: u64, exec: &Arc<Exec>, mut starting: Starting, outbox: &Arc<Outbox>) -> ExecExit {
    outbox.send(id, &Reply::ExecStarted { pid: starting.supervised.pid }, &[]);
    let ended = Arc::new(AtomicBool::new(false));
    let supervisor = &mut starting.supervised.supervisor;
    let outputs = [
        supervisor.stdout.take().map(|pipe| (OwnedFd::from(pipe), Stream::Stdout)),
        supervisor.stderr.take().map(|pipe| (OwnedFd::from(pipe), Stream::Stderr)),
    ];
    if let (Some(pipe), Some(queue)) = (supervisor.stdin.take(), starting.input.take()) {
        let (outbox, ended) = (Arc::clone(outbox), Arc::clone(&ended));
        std::thread::spawn(move || feed(&mut File::from(OwnedFd::from(pipe)), &queue, &outbox, &ended));
    }
    let forwarders: Vec<JoinHandle<()>> = outputs
        .into_iter()
        .flatten()
        .map(|(pipe, stream)| {
            let (exec, outbox, ended) = (Arc::clone(exec), Arc::clone(outbox), Arc::clone(&ended));
            std::thread::spawn(move || forward(id, &mut File::from(pipe), stream, &exec, &outbox, &ended))
        })
        .collect();
    let waited = starting.supervised.wait(starting.deadline);
    ended.store(true, Ordering::SeqCst);
    // Input that is still queued is answered by its thread, which ends when no more can come.
    exec.input.lock().unwrap_or_else(PoisonError::into_inner).take();
    for forwarder in forwarders {
        // A panic there has been printed; the exit is still worth telling.
        let _ = forwarder.join();
    }
    ExecExit {
        exit: waited.exit,
        timed_out: waited.timed_out,
        cancelled: exec.cancelled.load(Ordering::SeqCst) && !waited.timed_out,
        duration_ms: u64::try_from(starting.began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

/// Sends one stream's bytes until it ends. Room is taken only when there is something to read, so that a
/// silent stream doesn't hold the other one's.
fn forward(id: u64, pipe: &mut File, stream: Stream, exec: &Exec, outbox: &Outbox, ended: &AtomicBool) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match poll::readable(&*pipe, DRAIN_LIMIT) {
            Ready::Yes => {}
            Ready::No if ended.load(Ordering::SeqCst) => return,
            Ready::No => continue,
            Ready::Broken => return,
        }
        let Some(room) = exec.window.take(buffer.len(), WINDOW) else { return };
        match pipe.read(&mut buffer[..room]) {
            Ok(0) => return exec.window.give_back(room),
            Ok(read) => {
                exec.window.give_back(room - read);
                outbox.send(id, &Reply::ExecOutput { stream }, &buffer[..read]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => exec.window.give_back(room),
            Err(_) => return exec.window.give_back(room),
        }
    }
}

/// Writes queued input to the command. Its pipe may never take it: the write is given up when the command has ended.
fn feed(pipe: &mut File, queue: &Receiver<Input>, outbox: &Outbox, ended: &AtomicBool) {
    for input in queue {
        let mut rest = input.bytes.as_slice();
        let mut taken = true;
        while !rest.is_empty() && taken {
            taken = match poll::writable(&*pipe, Duration::from_millis(200)) {
                Ready::No => !ended.load(Ordering::SeqCst),
                Ready::Broken => false,
                // A writable pipe has room for at least this much without blocking.
                Ready::Yes => match pipe.write(&rest[..rest.len().min(4096)]) {
                    Ok(written) => {
                        rest = &rest[written..];
                        true
                    }
                    Err(error) => error.kind() == std::io::ErrorKind::Interrupted,
                },
            };
        }
        if taken {
            outbox.send(input.request, &Reply::Done, &[]);
        } else {
            let error = WireError::new(ErrorCode::Ended, "The command doesn't read its input any more.");
            outbox.send(input.request, &Reply::Error(error), &[]);
        }
        if input.end {
            return;
        }
    }
}
