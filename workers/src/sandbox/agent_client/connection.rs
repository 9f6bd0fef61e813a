//! Connections to what listens in the sandbox: to its ports, and to its engine.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use containrlab_agent::frame::WINDOW;
use containrlab_agent::message::{Reply, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::AgentClient;
use super::error::AgentError;
use super::link::{Call, Link};

/// Bytes that are read from whom a connection is for at once.
const CHUNK: usize = 32 << 10;

/// What comes from what listens. Dropping it ends the connection.
#[derive(Debug)]
pub struct ConnectionReader {
    call: Call,
    consumed: u64,
    acknowledged: u64,
}

/// The way to what listens.
#[derive(Debug)]
pub struct ConnectionWriter {
    link: Arc<Link>,
    id: u64,
}

impl AgentClient {
    /// Connects to a port of the sandbox's loopback address.
    ///
    /// # Errors
    /// A refusal with `not_listening` if nothing listens there, with `busy` if too many connections are open.
    pub async fn tcp_connect(&self, port: u16) -> Result<(ConnectionReader, ConnectionWriter), AgentError> {
        self.connect_to(Request::TcpConnect { port }).await
    }

    /// Connects to the engine's API, where it listens for the platform alone: no process of the learner's but the engine takes part.
    ///
    /// # Errors
    /// As [`AgentClient::tcp_connect`].
    pub async fn engine_connect(&self) -> Result<(ConnectionReader, ConnectionWriter), AgentError> {
        self.connect_to(Request::EngineConnect).await
    }

    async fn connect_to(&self, what: Request) -> Result<(ConnectionReader, ConnectionWriter), AgentError> {
        let mut call = self.link().await?.ask(what, Bytes::new())?;
        match call.next().await? {
            (Reply::TcpConnected, _) => {
                let writer = ConnectionWriter { link: Arc::clone(call.link()), id: call.id() };
                Ok((ConnectionReader { call, consumed: 0, acknowledged: 0 }, writer))
            }
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for a connection"))),
        }
    }
}

impl ConnectionReader {
    /// The next bytes, `None` after the last; asking for them acknowledges what came before, so that what listens comes to a
    /// stop when nobody asks for its bytes. May be dropped while it waits.
    ///
    /// # Errors
    /// [`AgentError::Lost`] when the runner's connection broke: this one is gone then, too.
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

impl ConnectionWriter {
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

/// Carries bytes both ways between a connection and whom it is for, until what listens has sent its last, or either side is gone.
pub async fn carry(
    mut reader: ConnectionReader,
    writer: ConnectionWriter,
    stream: impl AsyncRead + AsyncWrite,
) {
    let (mut from_us, mut to_us) = tokio::io::split(stream);
    let up = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            match from_us.read_buf(&mut buffer).await {
                Ok(0) => break,
                // Nobody reads any more there; what is still said may follow.
                Ok(_) if writer.write(buffer.split().freeze()).await.is_err() => break,
                Ok(_) => buffer.reserve(CHUNK),
                // Our side is gone, and what is still said is nobody's.
                Err(_) => return,
            }
        }
        // It may have ended meanwhile.
        let _ = writer.finish().await;
        std::future::pending().await
    };
    let down = async {
        while let Ok(Some(bytes)) = reader.next().await {
            if to_us.write_all(&bytes).await.is_err() || to_us.flush().await.is_err() {
                return;
            }
        }
        let _ = to_us.shutdown().await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
