//! Questions to the API of a sandbox's engine: <https://docs.docker.com/reference/api/engine/>.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::connection::carry;
use super::{AgentClient, AgentError};

/// How long the engine may take for an answer.
const LIMIT: Duration = Duration::from_secs(20);

/// Longest answer that is read, in bytes.
const ANSWER: usize = 8 << 20;

/// Bytes that may be under way between a question's two ends in this process.
const BUFFER: usize = 64 << 10;

/// A connection to an engine's API; questions are asked one after another.
#[derive(Debug)]
pub struct EngineApi {
    requests: SendRequest<Body>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl AgentClient {
    /// Connects to the engine's API.
    ///
    /// # Errors
    /// A refusal with `not_listening` if the engine is not up, and those of the connection.
    pub async fn engine_api(&self) -> Result<EngineApi, AgentError> {
        let (reader, writer) = self.engine_connect().await?;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let carrying = tokio::spawn(carry(reader, writer, theirs));
        let (requests, connection) = handshake(TokioIo::new(ours)).await.map_err(broken)?;
        let speaking = tokio::spawn(async move {
            // Whoever waits for an answer is told.
            let _ = connection.await;
        });
        Ok(EngineApi { requests, _tasks: [carrying, speaking].map(AbortOnDropHandle::new) })
    }
}

impl EngineApi {
    /// The answer at a path; none for what the engine does not have.
    ///
    /// # Errors
    /// [`AgentError::Protocol`] for an answer that is none, is late, or can't be read.
    pub async fn find<T: DeserializeOwned>(&mut self, path: &str) -> Result<Option<T>, AgentError> {
        let asking = timeout(LIMIT, self.ask(path)).await;
        let (status, text) = asking.map_err(|_| wrong(path, "it does not answer in time"))??;
        match status {
            StatusCode::OK => serde_json::from_slice(&text).map(Some).map_err(|error| wrong(path, &error)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(wrong(path, &format!("{status}: {}", String::from_utf8_lossy(&text).trim()))),
        }
    }

    /// As [`EngineApi::find`], for what there has to be.
    ///
    /// # Errors
    /// As for [`EngineApi::find`], and if it is not there.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, AgentError> {
        self.find(path).await?.ok_or_else(|| wrong(path, "there is none"))
    }

    async fn ask(&mut self, path: &str) -> Result<(StatusCode, bytes::Bytes), AgentError> {
        let request = Request::get(path).header("host", "engine").body(Body::empty());
        let request = request.map_err(|error| wrong(path, &error))?;
        // What was asked before may just be at its end.
        self.requests.ready().await.map_err(broken)?;
        let answer = self.requests.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let text =
            to_bytes(Body::new(answer.into_body()), ANSWER).await.map_err(|error| wrong(path, &error))?;
        Ok((status, text))
    }
}

fn broken(error: hyper::Error) -> AgentError {
    AgentError::Protocol(format!("the engine does not answer: {error}"))
}

fn wrong(path: &str, what: &(impl std::fmt::Display + ?Sized)) -> AgentError {
    AgentError::Protocol(format!("the engine's answer to {path}: {what}"))
}
