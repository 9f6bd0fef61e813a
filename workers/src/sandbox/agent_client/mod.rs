//! The runner's side of the agent in a sandbox: see the documentation of `containrlab_agent` for the protocol.
//!
//! One [`AgentClient`] holds one connection for all that is asked of one agent, opens it anew when it breaks, and can be cloned
//! freely. Terminal readers and watches carry on over a broken connection by themselves; a command's handle ends with
//! [`AgentError::Lost`], for the agent has then stopped the command.

mod connection;
mod engine;
mod error;
mod exec;
mod files;
mod link;
mod terminal;
mod transport;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bytes::Bytes;
use containrlab_agent::message::{EngineState, ListeningPort, Reply, Request, Status};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, timeout};

pub use connection::{ConnectionReader, ConnectionWriter, carry};
pub use engine::EngineApi;
pub use error::AgentError;
pub use exec::{Collected, ExecEvent, ExecHandle};
pub use files::Listing;
pub use terminal::{TerminalEvent, TerminalReader};
pub use transport::{Complaint, DockerExec, LocalSocket, Pipe, Transport};
pub use watch::{Changed, Watch};

use link::Link;

/// How long an answer may take. The agent gives up on its own helpers after a minute.
const ANSWER_LIMIT: Duration = Duration::from_secs(75);
/// How long readers and watches try to come back after a broken connection.
const RETURN_LIMIT: Duration = Duration::from_secs(30);
/// File operations at once on one sandbox; each is a process there.
const FILES_AT_ONCE: usize = 8;
/// Time between two looks at whether the engine is ready.
const READY_INTERVAL: Duration = Duration::from_millis(25);

/// The way to one sandbox's agent. Clones share the connection.
#[derive(Clone)]
pub struct AgentClient {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Box<dyn Transport>,
    link: Mutex<Option<Arc<Link>>>,
    /// Turns for what is done with files.
    files: Semaphore,
}

impl std::fmt::Debug for AgentClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentClient").finish_non_exhaustive()
    }
}

impl AgentClient {
    /// Connects to the agent in a container. One that has only just been started is waited for.
    ///
    /// # Errors
    /// [`AgentError::Gone`] if the container isn't there or doesn't run, [`AgentError::Unreachable`], or
    /// [`AgentError::Version`].
    pub async fn connect(docker: Docker, container: &str) -> Result<AgentClient, AgentError> {
        AgentClient::over(DockerExec { docker, container: container.to_owned() }).await
    }

    /// Connects by another way than Docker.
    ///
    /// # Errors
    /// As [`AgentClient::connect`].
    pub async fn over(transport: impl Transport) -> Result<AgentClient, AgentError> {
        let client = AgentClient {
            inner: Arc::new(Inner {
                transport: Box::new(transport),
                link: Mutex::new(None),
                files: Semaphore::new(FILES_AT_ONCE),
            }),
        };
        client.link().await?;
        Ok(client)
    }

    /// How the agent and the engine are.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn status(&self) -> Result<Status, AgentError> {
        match self.ask_again(&Request::Status).await? {
            (Reply::Status(status), _) => Ok(status),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for the status"))),
        }
    }

    /// Waits until the engine answers.
    ///
    /// # Errors
    /// [`AgentError::NotReady`] at the deadline, or as soon as the agent takes the engine for failed.
    pub async fn wait_ready(&self, deadline: Instant) -> Result<Status, AgentError> {
        loop {
            let status = self.status().await?;
            match status.engine.state {
                EngineState::Ready => return Ok(status),
                EngineState::Starting | EngineState::Restarting if Instant::now() < deadline => {}
                _ => return Err(AgentError::NotReady(Box::new(status.engine))),
            }
            sleep(READY_INTERVAL).await;
        }
    }

    /// The TCP ports on which something listens in the sandbox's network.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn tcp_ports(&self) -> Result<Vec<ListeningPort>, AgentError> {
        match self.ask_again(&Request::TcpPorts).await? {
            (Reply::Ports { ports }, _) => Ok(ports),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for the ports"))),
        }
    }

    /// The connection; opened anew if it is broken. One attempt.
    async fn link(&self) -> Result<Arc<Link>, AgentError> {
        let mut held = self.inner.link.lock().await;
        if let Some(link) = held.as_ref().filter(|link| !link.is_broken()) {
            return Ok(Arc::clone(link));
        }
        let link = Link::open(&*self.inner.transport).await?;
        *held = Some(Arc::clone(&link));
        Ok(link)
    }

    /// The connection, with patience: for what carries on over a broken one.
    async fn link_again(&self) -> Result<Arc<Link>, AgentError> {
        let deadline = Instant::now() + RETURN_LIMIT;
        let mut wait = Duration::from_millis(50);
        loop {
            match self.link().await {
                Err(AgentError::Unreachable(why)) if Instant::now() < deadline => {
                    tracing::debug!(why, "a sandbox's agent can't be reached yet");
                    sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(2));
                }
                link => return link,
            }
        }
    }

    /// Asks what may be asked twice: once more if the connection broke meanwhile.
    async fn ask_again(&self, request: &Request) -> Result<(Reply, Bytes), AgentError> {
        match self.ask_once(request.clone(), Bytes::new()).await {
            Err(AgentError::Lost) => self.ask_once(request.clone(), Bytes::new()).await,
            answer => answer,
        }
    }

    /// Asks what has one answer.
    async fn ask_once(&self, request: Request, body: Bytes) -> Result<(Reply, Bytes), AgentError> {
        let mut call = self.link().await?.ask(request, body)?;
        timeout(ANSWER_LIMIT, call.next()).await.map_err(|_| AgentError::TimedOut)?
    }
}
