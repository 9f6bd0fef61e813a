//! Commands: run as the learner, output streamed, ended with all that they started.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use containrlab_agent::message::{ErrorCode, ExecExit, ExecRequest, Reply, Stream, WireError};

use crate::carry::{self, Input, InputQueue};
use crate::connection::Outbox;
use crate::learner::Learner;
use crate::supervised::{self, Spec, Stopper, Supervised};
use crate::window::Window;

/// Time that a command gets to end by itself once it is told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// A command that runs, as its connection sees it.
pub(crate) struct Exec {
    stopper: Stopper,
    cancelled: AtomicBool,
    window: Window,
    input: InputQueue,
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
        self.input.push(request, bytes, end)
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
        by_platform: request.by_platform,
        terminal: false,
        leader_only: false,
        grace: GRACE,
        stdio: [stdin, Stdio::piped(), Stdio::piped()],
        pass: Vec::new(),
    };
    let began = Instant::now();
    let deadline = request.timeout_ms.and_then(|limit| began.checked_add(Duration::from_millis(limit)));
    let supervised = supervised::start(learner, spec)?;
    let (queue, receiver) = if request.stdin {
        let (queue, receiver) = InputQueue::open();
        (queue, Some(receiver))
    } else {
        (InputQueue::closed(), None)
    };
    let exec = Exec {
        stopper: supervised.stopper(),
        cancelled: AtomicBool::new(false),
        window: Window::default(),
        input: queue,
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
        std::thread::spawn(move || {
            carry::feed(&mut File::from(OwnedFd::from(pipe)), &queue, &outbox, &ended)
        });
    }
    let forwarders: Vec<JoinHandle<()>> = outputs
        .into_iter()
        .flatten()
        .map(|(pipe, stream)| {
            let (exec, outbox, ended) = (Arc::clone(exec), Arc::clone(outbox), Arc::clone(&ended));
            std::thread::spawn(move || {
                let reply = Reply::ExecOutput { stream };
                carry::forward(id, &mut File::from(pipe), &reply, &exec.window, &outbox, &ended);
            })
        })
        .collect();
    let waited = starting.supervised.wait(starting.deadline);
    ended.store(true, Ordering::SeqCst);
    // Input that is still queued is answered by its thread, which ends when no more can come.
    exec.input.close();
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
