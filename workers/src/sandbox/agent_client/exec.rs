//! A command that runs in the sandbox.

use std::time::Duration;

use bytes::Bytes;
use containrlab_agent::frame::WINDOW;
use containrlab_agent::message::{ExecExit, ExecRequest, Reply, Request, Stream};
use tokio::time::Instant;

use super::AgentClient;
use super::error::AgentError;
use super::link::Call;

/// How much later than its time limit a command may tell its end before it is given up.
const LATE: Duration = Duration::from_secs(30);

/// What a command brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEvent {
    /// Output.
    Output {
        /// Which of its two.
        stream: Stream,
        /// The bytes.
        bytes: Bytes,
    },
    /// It ended, with all that it started; nothing follows.
    Exit(ExecExit),
}

/// A running command. Dropping it stops the command with all that it started.
#[derive(Debug)]
pub struct ExecHandle {
    call: Call,
    pid: u32,
    consumed: u64,
    acknowledged: u64,
    deadline: Option<Instant>,
}

/// What a whole command brought.
#[derive(Debug, Clone)]
pub struct Collected {
    /// The first bytes of its output.
    pub stdout: Vec<u8>,
    /// The first bytes of its error output.
    pub stderr: Vec<u8>,
    /// Whether there was more than was kept.
    pub truncated: bool,
    /// How it ended.
    pub exit: ExecExit,
}

impl AgentClient {
    /// Runs a command as the learner; returns once it runs.
    ///
    /// # Errors
    /// A refusal with `cannot_start` if there is no such command or folder.
    pub async fn exec(&self, request: ExecRequest) -> Result<ExecHandle, AgentError> {
        let deadline = request
            .timeout_ms
            .and_then(|limit| Instant::now().checked_add(Duration::from_millis(limit) + LATE));
        let mut call = self.link().await?.ask(Request::Exec(request), Bytes::new())?;
        match call.next().await? {
            (Reply::ExecStarted { pid }, _) => {
                Ok(ExecHandle { call, pid, consumed: 0, acknowledged: 0, deadline })
            }
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for the start of a command"))),
        }
    }
}

impl ExecHandle {
    /// Its process id in the sandbox, for logs.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What comes next; asking for it acknowledges what came before, and a command whose output nobody asks for comes to a stop. May
    /// be dropped while it waits.
    ///
    /// # Errors
    /// [`AgentError::Lost`] when the connection broke: the agent then stops the command.
    pub async fn next(&mut self) -> Result<ExecEvent, AgentError> {
        if self.consumed > self.acknowledged
            && (!self.call.has_more() || self.consumed - self.acknowledged >= WINDOW / 4)
        {
            self.acknowledged = self.consumed;
            self.call.acknowledge(self.consumed);
        }
        let answer = match self.deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, self.call.next())
                .await
                .map_err(|_| AgentError::TimedOut)??,
            None => self.call.next().await?,
        };
        match answer {
            (Reply::ExecOutput { stream }, bytes) => {
                self.consumed += bytes.len() as u64;
                Ok(ExecEvent::Output { stream, bytes })
            }
            (Reply::ExecExit(exit), _) => Ok(ExecEvent::Exit(exit)),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} from a running command"))),
        }
    }

    /// Asks for the stop of the command and of all that it started; [`ExecHandle::next`] tells its end.
    pub fn cancel(&self) {
        self.call.cancel();
    }

    /// Writes to its standard input; returns once the command's pipe has taken the bytes. The request must have had `stdin` set.
    ///
    /// # Errors
    /// A refusal with `ended` if it reads no more.
    pub async fn write_stdin(&self, bytes: Bytes) -> Result<(), AgentError> {
        self.stdin(bytes, false).await
    }

    /// Ends its standard input.
    ///
    /// # Errors
    /// A refusal with `ended` if it has ended already.
    pub async fn close_stdin(&self) -> Result<(), AgentError> {
        self.stdin(Bytes::new(), true).await
    }

    async fn stdin(&self, bytes: Bytes, end: bool) -> Result<(), AgentError> {
        let input = Request::ExecInput { target: self.call.id(), end };
        let mut call = self.call.link().ask(input, bytes)?;
        call.next().await.map(drop)
    }

    /// Reads to the end and keeps up to `most` bytes of each output.
    ///
    /// # Errors
    /// As [`ExecHandle::next`].
    pub async fn collect(mut self, most: usize) -> Result<Collected, AgentError> {
        let (mut stdout, mut stderr, mut truncated) = (Vec::new(), Vec::new(), false);
        loop {
            match self.next().await? {
                ExecEvent::Output { stream, bytes } => {
                    let kept = match stream {
                        Stream::Stdout => &mut stdout,
                        Stream::Stderr => &mut stderr,
                    };
                    let room = bytes.len().min(most - kept.len());
                    kept.extend_from_slice(&bytes[..room]);
                    truncated |= room < bytes.len();
                }
                ExecEvent::Exit(exit) => return Ok(Collected { stdout, stderr, truncated, exit }),
            }
        }
    }
}
