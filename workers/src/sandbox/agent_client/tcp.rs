//! Connections to what listens in the sandbox.

use std::sync::Arc;

use bytes::Bytes;
use containrlab_agent::frame::WINDOW;
use containrlab_agent::message::{Reply, Request};

use super::AgentClient;
use super::error::AgentError;
use super::link::{Call, Link};

/// What comes from a port. Dropping it ends the connection.
#[derive(Debug)]
pub struct TcpReader {
    call: Call,
    consumed: u64,
    acknowledged: u64,
}

/// The way to a port.
#[derive(Debug)]
pub struct TcpWriter {
    link: Arc<Link>,
    id: u64,
}

impl AgentClient {
    /// Connects to a port of the sandbox's loopback address.
    ///
    /// # Errors
    /// A refusal with `not_listening` if nothing listens there, with `busy` if too many connections are open.
    pub async fn tcp_connect(&self, port: u16) -> Result<(TcpReader, TcpWriter), AgentError> {
        let mut call = self.link().await?.ask(Request::TcpConnect { port }, Bytes::new())?;
        match call.next().await? {
            (Reply::TcpConnected, _) => {
                let writer = TcpWriter { link: Arc::clone(call.link()), id: call.id() };
                Ok((TcpReader { call, consumed: 0, acknowledged: 0 }, writer))
            }
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for a connection to a port"))),
        }
    }
}

impl TcpReader {
    /// The next bytes, `None` after the last; asking for them acknowledges what came before, so that a port whose bytes nobody
    /// asks for comes to a stop. May be dropped while it waits.
    ///
    /// # Errors
    /// [`AgentError::Lost`] when the runner's connection broke: the one to the port is gone then, too.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AgentError> {
        if self.consumed > self.acknowledged
            && (!self.call.has_more() || self.consumed - self.acknowledged >= WINDOW / 4)
        {
            self.acknowledged = self.consumed;
            self.call.acknowledge(self.consumed);
        }
        match self.call.next().await? {
            (Reply::TcpData, bytes) => {
                self.consumed += bytes.len() as u64;
                Ok(Some(bytes))
            }
            (Reply::TcpEnd, _) => Ok(None),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} from a port"))),
        }
    }
}

impl TcpWriter {
    /// Sends bytes; returns once the port's connection has taken them.
    ///
    /// # Errors
    /// A refusal with `ended` when nobody reads them any more.
    pub async fn write(&self, bytes: Bytes) -> Result<(), AgentError> {
        self.input(bytes, false).await
    }

    /// Tells the other side that nothing follows.
    ///
    /// # Errors
    /// A refusal with `ended` when the connection is over.
    pub async fn finish(&self) -> Result<(), AgentError> {
        self.input(Bytes::new(), true).await
    }

    async fn input(&self, bytes: Bytes, end: bool) -> Result<(), AgentError> {
        let mut call = self.link.ask(Request::TcpInput { target: self.id, end }, bytes)?;
        call.next().await.map(drop)
    }
}
