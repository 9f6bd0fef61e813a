//! One connection to an agent, shared by everybody who asks it something.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use containrlab_agent::PROTOCOL_VERSION;
use containrlab_agent::frame::{self, FrameError, PREFIX, SILENCE};
use containrlab_agent::message::{FromAgent, Reply, Request, ToAgent, WireError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::AgentError;
use super::transport::{Pipe, Transport};

/// How long a new connection may take to say hello. A container that has only just been started is waited for by `connect`
/// itself, for up to ten seconds.
const HELLO_LIMIT: Duration = Duration::from_secs(20);
/// Time between two signs of life.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// A live connection, or one that has broken since.
#[derive(Debug)]
pub(super) struct Link {
    /// Which start of the agent this is.
    pub(super) boot: String,
    next: AtomicU64,
    outgoing: UnboundedSender<(Vec<u8>, Bytes)>,
    routes: Mutex<HashMap<u64, UnboundedSender<(Reply, Bytes)>>>,
    broken: CancellationToken,
}

impl Link {
    /// Opens a connection and waits for the agent's hello.
    pub(super) async fn open(transport: &dyn Transport) -> Result<Arc<Link>, AgentError> {
        let Pipe { mut reader, writer, complaint } = transport.open().await?;
        let hello = match timeout(HELLO_LIMIT, read(&mut reader)).await {
            Ok(Ok((FromAgent { reply: Reply::Hello { version, boot }, .. }, _))) => {
                if version != PROTOCOL_VERSION {
                    return Err(AgentError::Version { agent: version, ours: PROTOCOL_VERSION });
                }
                boot
            }
            Ok(Ok((other, _))) => return Err(AgentError::Protocol(format!("{:?} for a hello", other.reply))),
            Ok(Err(error)) => {
                let said = complaint.text();
                return Err(AgentError::Unreachable(if said.is_empty() { error.to_string() } else { said }));
            }
            Err(_) => return Err(AgentError::Unreachable("it doesn't say hello".to_owned())),
        };
        let (outgoing, queue) = unbounded_channel();
        let link = Arc::new(Link {
            boot: hello,
            next: AtomicU64::new(1),
            outgoing,
            routes: Mutex::default(),
            broken: CancellationToken::new(),
        });
        tokio::spawn(write_all(writer, queue, link.broken.clone()));
        tokio::spawn(dispatch(reader, Arc::downgrade(&link), link.broken.clone()));
        Ok(link)
    }

    /// Whether it can't be used any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    /// Asks something; the answers come by the call.
    pub(super) fn ask(self: &Arc<Self>, request: Request, body: Bytes) -> Result<Call, AgentError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let head = frame::head(&ToAgent { id, request }, body.len()).map_err(AgentError::Unsendable)?;
        let (sender, answers) = unbounded_channel();
        self.routes().insert(id, sender);
        if self.broken.is_cancelled() || self.outgoing.send((head, body)).is_err() {
            // The dispatcher may have cleared the routes before this one came.
            self.routes().remove(&id);
        }
        Ok(Call { link: Arc::clone(self), id, answers, over: false })
    }

    /// Says something to which no answer is awaited.
    fn tell(&self, request: Request) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if let Ok(head) = frame::head(&ToAgent { id, request }, 0) {
            // A broken connection needs to be told nothing.
            let _ = self.outgoing.send((head, Bytes::new()));
        }
    }

    fn routes(&self) -> MutexGuard<'_, HashMap<u64, UnboundedSender<(Reply, Bytes)>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.broken.cancel();
    }
}

/// One question and its answers. Dropped before the last answer, it tells the agent to stop.
#[derive(Debug)]
pub(super) struct Call {
    link: Arc<Link>,
    id: u64,
    answers: UnboundedReceiver<(Reply, Bytes)>,
    over: bool,
}

impl Call {
    /// The next answer; [`AgentError::Lost`] once the connection is broken. May be dropped while it waits: nothing is lost by it.
    pub(super) async fn next(&mut self) -> Result<(Reply, Bytes), AgentError> {
        let answer = self.answers.recv().await;
        self.took(answer)
    }

    /// Whether another answer is here already.
    pub(super) fn has_more(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Tells how much was consumed.
    pub(super) fn acknowledge(&self, upto: u64) {
        self.link.tell(Request::Ack { target: self.id, upto });
    }

    /// Asks for the end; the last answer tells it.
    pub(super) fn cancel(&self) {
        self.link.tell(Request::Cancel { target: self.id, forget: false });
    }

    /// The id under which the agent knows it.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The connection that it lives on.
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    fn took(&mut self, answer: Option<(Reply, Bytes)>) -> Result<(Reply, Bytes), AgentError> {
        let Some((reply, body)) = answer else {
            self.over = true;
            return Err(AgentError::Lost);
        };
        self.over = is_last(&reply);
        match reply {
            Reply::Error(error) => Err(refusal(error)),
            reply => Ok((reply, body)),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.over {
            self.link.routes().remove(&self.id);
            self.link.tell(Request::Cancel { target: self.id, forget: true });
        }
    }
}

fn refusal(error: WireError) -> AgentError {
    AgentError::Refused(error)
}

/// Whether nothing follows this answer.
fn is_last(reply: &Reply) -> bool {
    !matches!(
        reply,
        Reply::ExecStarted { .. }
            | Reply::ExecOutput { .. }
            | Reply::TerminalAttached { .. }
            | Reply::TerminalOutput { .. }
            | Reply::Watching
            | Reply::Changed { .. }
            | Reply::TcpConnected
            | Reply::TcpData
    )
}

/// Writes frames as they come, and a sign of life when none come.
async fn write_all(
    mut writer: Box<dyn AsyncWrite + Send + Unpin>,
    mut queue: UnboundedReceiver<(Vec<u8>, Bytes)>,
    broken: CancellationToken,
) {
    // Nobody asked under this id, so nobody waits for the answer.
    let ping = frame::head(&ToAgent { id: u64::MAX, request: Request::Ping }, 0).unwrap_or_default();
    let work = async {
        loop {
            let (head, body) = match timeout(PING_INTERVAL, queue.recv()).await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok::<(), std::io::Error>(()),
                Err(_) => (ping.clone(), Bytes::new()),
            };
            writer.write_all(&head).await?;
            writer.write_all(&body).await?;
            writer.flush().await?;
        }
    };
    tokio::select! {
        () = broken.cancelled() => {}
        result = work => if let Err(error) = result {
            tracing::debug!(%error, "a connection to a sandbox's agent broke while writing");
        }
    }
    broken.cancel();
    // The agent ends what ran on this connection when it sees the end; what hangs here isn't waited for.
    let _ = timeout(Duration::from_secs(5), writer.shutdown()).await;
}

/// Reads frames and hands each to whoever asked.
async fn dispatch(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    link: std::sync::Weak<Link>,
    broken: CancellationToken,
) {
    loop {
        let answer = tokio::select! {
            () = broken.cancelled() => break,
            answer = timeout(SILENCE, read(&mut reader)) => answer,
        };
        let (FromAgent { id, reply }, body) = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection to a sandbox's agent broke");
                break;
            }
            Err(_) => {
                tracing::warn!("a sandbox's agent has been silent for too long: the connection is given up");
                break;
            }
        };
        let Some(link) = link.upgrade() else { break };
        let mut routes = link.routes();
        if is_last(&reply) {
            if let Some(route) = routes.remove(&id) {
                let _ = route.send((reply, body));
            }
        } else if let Some(route) = routes.get(&id) {
            // Bounded by the windows of the protocol.
            let _ = route.send((reply, body));
        }
    }
    broken.cancel();
    if let Some(link) = link.upgrade() {
        // Whoever still waits hears of it by the end of the channel.
        link.routes().clear();
    }
}

/// Reads one frame.
async fn read(reader: &mut (dyn AsyncRead + Send + Unpin)) -> Result<(FromAgent, Bytes), FrameError> {
    let mut prefix = [0; PREFIX];
    reader.read_exact(&mut prefix).await?;
    let (header_length, body_length) = frame::lengths(prefix)?;
    let mut header = BytesMut::zeroed(header_length);
    reader.read_exact(&mut header).await?;
    let header = serde_json::from_slice(&header)?;
    let mut body = BytesMut::zeroed(body_length);
    reader.read_exact(&mut body).await?;
    Ok((header, body.freeze()))
}
