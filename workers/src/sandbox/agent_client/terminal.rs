//! Terminals in the sandbox.

use bytes::Bytes;
use containrlab_agent::frame::WINDOW;
use containrlab_agent::message::{ProcessExit, Reply, Request, TerminalInfo, TerminalOpen};

use super::AgentClient;
use super::error::AgentError;
use super::link::Call;

/// What a terminal brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalEvent {
    /// Output.
    Output {
        /// Position of the first byte. More than the end of the chunk before only if the agent no longer keeps what lies between.
        position: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// The shell ended and all of its output has come; nothing follows.
    Exit {
        /// How it ended.
        exit: ProcessExit,
        /// Position after the last byte.
        end: u64,
    },
    /// The terminal was closed; nothing follows.
    Closed,
}

/// A reader of a terminal's output. It outlives broken connections: it attaches again where it was, so that nothing comes twice and
/// nothing is missing that the agent still keeps. Dropping it detaches.
#[derive(Debug)]
pub struct TerminalReader {
    client: AgentClient,
    terminal: String,
    boot: String,
    /// The next position wanted.
    next: u64,
    acknowledged: u64,
    /// None while the connection is broken.
    call: Option<Call>,
}

impl AgentClient {
    /// Makes sure that a terminal with a running shell exists; says whether its shell was started now. If it runs already, all
    /// but the id is without effect.
    ///
    /// # Errors
    /// A refusal for a bad id or size, too many terminals, or a shell that can't be started.
    pub async fn terminal_open(&self, open: TerminalOpen) -> Result<(TerminalInfo, bool), AgentError> {
        match self.ask_again(&Request::TerminalOpen(open)).await? {
            (Reply::Terminal { terminal, started }, _) => Ok((terminal, started)),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for an opened terminal"))),
        }
    }

    /// Reads a terminal's output from a position on (0: all that is kept).
    ///
    /// # Errors
    /// A refusal with `not_found` if there is no such terminal.
    pub async fn terminal_attach(
        &self,
        terminal: &str,
        from: u64,
    ) -> Result<(TerminalReader, TerminalInfo), AgentError> {
        let (call, info, from) = self.attach(terminal, from).await?;
        let reader = TerminalReader {
            client: self.clone(),
            terminal: terminal.to_owned(),
            boot: call.link().boot.clone(),
            next: from,
            acknowledged: from,
            call: Some(call),
        };
        Ok((reader, info))
    }

    /// Types. Returns once the agent has the bytes; after [`AgentError::Lost`] it is unknown whether it has, and they are not sent
    /// twice.
    ///
    /// # Errors
    /// A refusal with `not_found`, with `ended`, or with `busy` if the program in the terminal has long read nothing.
    pub async fn terminal_input(&self, terminal: &str, bytes: Bytes) -> Result<(), AgentError> {
        self.ask_once(Request::TerminalInput { terminal: terminal.to_owned() }, bytes).await.map(drop)
    }

    /// Tells a terminal its size.
    ///
    /// # Errors
    /// A refusal with `not_found`, `ended` or, for a size of zero, `bad_request`.
    pub async fn terminal_resize(&self, terminal: &str, cols: u16, rows: u16) -> Result<(), AgentError> {
        let request = Request::TerminalResize { terminal: terminal.to_owned(), cols, rows };
        self.ask_again(&request).await.map(drop)
    }

    /// Ends a terminal's shell and forgets its output.
    ///
    /// # Errors
    /// A refusal with `not_found`.
    pub async fn terminal_close(&self, terminal: &str) -> Result<(), AgentError> {
        self.ask_once(Request::TerminalClose { terminal: terminal.to_owned() }, Bytes::new()).await.map(drop)
    }

    /// All terminals.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn terminal_list(&self) -> Result<Vec<TerminalInfo>, AgentError> {
        match self.ask_again(&Request::TerminalList).await? {
            (Reply::Terminals { terminals }, _) => Ok(terminals),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for the list of terminals"))),
        }
    }

    async fn attach(&self, terminal: &str, from: u64) -> Result<(Call, TerminalInfo, u64), AgentError> {
        let request = Request::TerminalAttach { terminal: terminal.to_owned(), from };
        let mut call = self.link().await?.ask(request, Bytes::new())?;
        match call.next().await? {
            (Reply::TerminalAttached { terminal, from }, _) => Ok((call, terminal, from)),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for an attached terminal"))),
        }
    }
}

impl TerminalReader {
    /// The position of the next byte to come.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// What comes next; asking for it acknowledges what came before. May be dropped while it waits.
    ///
    /// # Errors
    /// [`AgentError::Restarted`] or a refusal if the terminal is gone after a broken connection; [`AgentError::Gone`] or
    /// [`AgentError::Unreachable`] if there is no connection to be had.
    pub async fn next(&mut self) -> Result<TerminalEvent, AgentError> {
        loop {
            let Some(call) = &mut self.call else {
                self.call = Some(self.attach_again().await?);
                self.acknowledged = self.next;
                continue;
            };
            if self.next > self.acknowledged
                && (!call.has_more() || self.next - self.acknowledged >= WINDOW / 4)
            {
                self.acknowledged = self.next;
                call.acknowledge(self.next);
            }
            match call.next().await {
                Ok((Reply::TerminalOutput { position }, bytes)) => {
                    self.next = position + bytes.len() as u64;
                    return Ok(TerminalEvent::Output { position, bytes });
                }
                Ok((Reply::TerminalExit { exit, end }, _)) => return Ok(TerminalEvent::Exit { exit, end }),
                Ok((Reply::Detached, _)) => return Ok(TerminalEvent::Closed),
                Ok((other, _)) => return Err(AgentError::Protocol(format!("{other:?} from a terminal"))),
                Err(AgentError::Lost) => self.call = None,
                Err(error) => return Err(error),
            }
        }
    }

    async fn attach_again(&self) -> Result<Call, AgentError> {
        let link = self.client.link_again().await?;
        if link.boot != self.boot {
            return Err(AgentError::Restarted);
        }
        let (call, _, from) = match self.client.attach(&self.terminal, self.next).await {
            Err(AgentError::Lost) => {
                return Err(AgentError::Unreachable("the connection broke again".to_owned()));
            }
            attached => attached?,
        };
        // Positions never go back while a terminal lives.
        if call.link().boot != self.boot || from < self.next {
            return Err(AgentError::Restarted);
        }
        Ok(call)
    }
}
