//! How a byte stream to an agent is had.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_util::io::StreamReader;

use super::error::AgentError;

/// Most bytes that are kept of what the far side says about why it can't be reached.
const MOST_COMPLAINT: usize = 2000;

/// A two-way stream.
pub struct Pipe {
    /// What the agent says.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What the agent hears.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// What was said beside the stream (a program's standard error) about why it ended.
    pub complaint: Complaint,
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
    }
}

/// Text that explains a failure, gathered as it comes.
#[derive(Debug, Clone, Default)]
pub struct Complaint(Arc<Mutex<String>>);

impl Complaint {
    fn add(&self, bytes: &[u8]) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() < MOST_COMPLAINT {
            text.push_str(&String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_COMPLAINT)]));
        }
    }

    /// What was said so far.
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned()
    }
}

/// Opens streams to one agent, again and again as they break.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Opens one.
    ///
    /// # Errors
    /// [`AgentError::Gone`] if there is nothing to connect to any more, else [`AgentError::Unreachable`].
    async fn open(&self) -> Result<Pipe, AgentError>;
}

/// `docker exec -i <container> <agent> connect`: the way into a real sandbox. It needs no path, socket or port that the learner
/// could have put something else in the place of.
#[derive(Debug, Clone)]
pub struct DockerExec {
    /// The host's engine.
    pub docker: Docker,
    /// The sandbox's container.
    pub container: String,
}

#[async_trait]
impl Transport for DockerExec {
    async fn open(&self) -> Result<Pipe, AgentError> {
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            // Root, for the agent's socket is root's alone.
            user: Some("0:0".to_owned()),
            working_dir: Some("/".to_owned()),
            cmd: Some(vec![containrlab_agent::AGENT_PATH.to_owned(), "connect".to_owned()]),
            ..ExecConfig::default()
        };
        let exec = self.docker.create_exec(&self.container, config).await.map_err(refused)?;
        let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(64 << 10) };
        match self.docker.start_exec(&exec.id, Some(options)).await.map_err(refused)? {
            StartExecResults::Attached { output, input } => {
                let complaint = Complaint::default();
                let aside = complaint.clone();
                let bytes = output
                    .map_err(std::io::Error::other)
                    .try_filter_map(move |output| {
                        let bytes = match output {
                            LogOutput::StdOut { message } => Some(message),
                            other => {
                                aside.add(&other.into_bytes());
                                None
                            }
                        };
                        std::future::ready(Ok::<Option<Bytes>, std::io::Error>(bytes))
                    })
                    .boxed();
                Ok(Pipe { reader: Box::new(StreamReader::new(bytes)), writer: Box::new(input), complaint })
            }
            StartExecResults::Detached => {
                Err(AgentError::Unreachable("the engine gave no stream".to_owned()))
            }
        }
    }
}

/// 404: no such container; 409: it doesn't run.
fn refused(error: bollard::errors::Error) -> AgentError {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, message } => {
            AgentError::Gone(message)
        }
        error => AgentError::Unreachable(error.to_string()),
    }
}

/// The socket of an agent on this machine (`serve --as-is`), for tests and for sandboxes that are plain processes.
#[derive(Debug, Clone)]
pub struct LocalSocket(pub PathBuf);

#[async_trait]
impl Transport for LocalSocket {
    async fn open(&self) -> Result<Pipe, AgentError> {
        let stream = UnixStream::connect(&self.0).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => AgentError::Gone(format!("{} isn't there", self.0.display())),
            _ => AgentError::Unreachable(error.to_string()),
        })?;
        let (reader, writer) = stream.into_split();
        Ok(Pipe { reader: Box::new(reader), writer: Box::new(writer), complaint: Complaint::default() })
    }
}
