//! The agent's side of a supervised command: start it, stop it, learn how it ended.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use containrlab_agent::message::{ErrorCode, ProcessExit, WireError};

use crate::learner::Learner;
use crate::os;
use crate::supervise::{News, Order, STOP};

/// How long a supervisor may take to start its command.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long after the end of a stopped command's grace its supervisor may take to report.
const REPORT_LIMIT: Duration = Duration::from_secs(10);
/// How often a wait looks whether a stop was asked for.
const SLICE: Duration = Duration::from_secs(1);

/// What to run and how.
pub(crate) struct Spec {
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// Folder.
    pub(crate) cwd: PathBuf,
    /// Variables on top of the learner's.
    pub(crate) env: BTreeMap<String, String>,
    /// With the image's programs and the platform's configuration of Docker's client; see [`crate::platform`].
    pub(crate) by_platform: bool,
    /// Standard input is a terminal's end and becomes the command's own.
    pub(crate) terminal: bool,
    /// See [`Order::leader_only`].
    pub(crate) leader_only: bool,
    /// Time between asking to stop and force.
    pub(crate) grace: Duration,
    /// Standard input, output and error.
    pub(crate) stdio: [Stdio; 3],
    /// What else it gets, under the numbers that these have now.
    pub(crate) pass: Vec<OwnedFd>,
}

/// A command under its supervisor.
pub(crate) struct Supervised {
    /// Process id of the command.
    pub(crate) pid: u32,
    /// The supervisor; also the parent's ends of its pipes.
    pub(crate) supervisor: Child,
    control: BufReader<UnixStream>,
    /// A line of which not all has come yet.
    line: Vec<u8>,
    stopper: Stopper,
    grace: Duration,
}

/// Stops a supervised command, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Stopper(Arc<Stop>);

#[derive(Debug)]
struct Stop {
    control: UnixStream,
    /// When the stop was asked for first.
    asked: OnceLock<Instant>,
}

impl Stopper {
    /// Asks for the stop; the command's end is told by [`Supervised::wait`].
    pub(crate) fn stop(&self) {
        if self.0.asked.set(Instant::now()).is_ok() {
            // An error means that the supervisor is gone, and the command with it.
            let _ = (&self.0.control).write_all(&[STOP]);
        }
    }
}

/// How the wait for a command ended.
pub(crate) struct Waited {
    /// How the command ended.
    pub(crate) exit: ProcessExit,
    /// It was stopped because its time was up.
    pub(crate) timed_out: bool,
}

/// Starts a command as the learner; returns once it runs.
pub(crate) fn start(learner: &Learner, spec: Spec) -> Result<Supervised, WireError> {
    let cannot = |error: io::Error| {
        WireError::new(ErrorCode::CannotStart, format!("No process can be started: {error}."))
    };
    let (ours, theirs) = UnixStream::pair().map_err(cannot)?;
    let order = Order {
        terminal: spec.terminal,
        leader_only: spec.leader_only,
        grace_ms: u64::try_from(spec.grace.as_millis()).unwrap_or(u64::MAX),
        cwd: spec.cwd,
    };
    let mut order = serde_json::to_vec(&order).map_err(|error| cannot(error.into()))?;
    order.push(b'\n');
    if spec.argv.iter().chain(spec.env.values()).chain(spec.env.keys()).any(|text| text.contains('\0')) {
        return Err(WireError::new(ErrorCode::BadRequest, "A command can't hold NUL bytes."));
    }
    if spec.env.keys().any(|name| name.is_empty() || name.contains('=')) {
        return Err(WireError::new(ErrorCode::BadRequest, "A variable's name is empty or holds `=`."));
    }
    let [stdin, stdout, stderr] = spec.stdio;
    let mut command = learner.helper("supervise");
    if spec.by_platform {
        command.envs(&learner.platform_environment);
    }
    command
        .arg(theirs.as_raw_fd().to_string())
        .args(&spec.argv)
        .envs(&spec.env)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    for passed in spec.pass.iter().map(AsFd::as_fd).chain([theirs.as_fd()]) {
        os::inherit(&mut command, passed);
    }
    // Before it starts: it fits into the socket's buffer, and the supervisor finds it there.
    (&ours).write_all(&order).map_err(cannot)?;
    let supervisor = command.spawn().map_err(cannot)?;
    // `command` holds our copies of a terminal's end; the stream, and what else was passed, must end when the supervisor does.
    drop((command, theirs, spec.pass));

    let stopper =
        Stopper(Arc::new(Stop { control: ours.try_clone().map_err(cannot)?, asked: OnceLock::new() }));
    let mut supervised = Supervised {
        pid: 0,
        supervisor,
        control: BufReader::new(ours),
        line: Vec::new(),
        stopper,
        grace: spec.grace,
    };
    match supervised.news(START_LIMIT) {
        Ok(News::Started(pid)) => {
            supervised.pid = pid;
            Ok(supervised)
        }
        Ok(News::Failed(sentence)) => {
            supervised.reap();
            Err(WireError::new(ErrorCode::CannotStart, sentence))
        }
        Ok(News::Exit(_)) | Err(_) => {
            supervised.stopper.stop();
            supervised.reap();
            Err(WireError::new(
                ErrorCode::CannotStart,
                "The command's supervisor ended before the command began.",
            ))
        }
    }
}

impl Supervised {
    /// Something that stops this command.
    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits until nothing of the command is left; stops it at the deadline.
    pub(crate) fn wait(mut self, deadline: Option<Instant>) -> Waited {
        let mut timed_out = false;
        let exit = loop {
            let now = Instant::now();
            let until_deadline = deadline.map(|deadline| deadline.saturating_duration_since(now));
            if until_deadline.is_some_and(|left| left.is_zero()) && self.stopper.0.asked.get().is_none() {
                timed_out = true;
                self.stopper.stop();
            }
            let asked = self.stopper.0.asked.get();
            if asked.is_some_and(|asked| now.duration_since(*asked) > self.grace + REPORT_LIMIT) {
                // The supervisor itself is held up, by the learner's hand: nothing more will be known.
                break ProcessExit::default();
            }
            let slice = until_deadline.filter(|left| !left.is_zero()).map_or(SLICE, |left| left.min(SLICE));
            match self.news(slice) {
                Ok(News::Exit(exit)) => break exit,
                Ok(News::Started(_) | News::Failed(_)) => {}
                Err(error) if is_timeout(&error) => {}
                // The supervisor was killed.
                Err(_) => break ProcessExit::default(),
            }
        };
        self.reap();
        Waited { exit, timed_out }
    }

    /// The next thing that the supervisor says.
    fn news(&mut self, limit: Duration) -> io::Result<News> {
        // A zero limit would mean "none" to the socket.
        self.control.get_ref().set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        loop {
            match self.control.read_until(b'\n', &mut self.line) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    return serde_json::from_slice(&std::mem::take(&mut self.line)).map_err(io::Error::from);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn reap(self) {
        reap(self.supervisor);
    }
}

/// Reaps a child that has ended or is about to; never waits long, for the learner can hold up a learner's process.
pub(crate) fn reap(mut child: Child) {
    let deadline = Instant::now() + Duration::from_millis(200);
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::spawn(move || child.wait());
}

/// Whether a socket's time limit was reached.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
