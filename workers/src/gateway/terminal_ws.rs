//! A terminal over a WebSocket.
//!
//! To the client: binary frames of 8 bytes (big-endian position of the first byte) and raw output; JSON texts `hello`,
//! `exit`, `error`, `pong`. From the client: binary frames of raw input; JSON texts `resize`, `ack`, `ping`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use containrlab_agent::message::ErrorCode;
use containrlab_domain::ids::{RecordingId, SessionId};
use serde::{Deserialize, Serialize};

use super::refuse;
use crate::error::Error;
use crate::runner::{Runner, by_runner};
use crate::terminal::{Chunk, Reader, Size, Terminal};

/// Output that may be under way to a client without being acknowledged.
const WINDOW: u64 = 256 * 1024;

/// A client that says nothing for so long is gone: pages ping twice a minute.
const SILENCE: Duration = Duration::from_secs(120);

/// How long a client may take to answer a farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes that one message of a client may have: a large paste.
const MAX_INPUT: usize = 1 << 20;

/// How a client wants to be connected.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    #[serde(default = "main_terminal")]
    terminal: String,
    /// The next position that it wants; 0 is everything.
    #[serde(default)]
    from: u64,
    /// The recording that `from` is a position of, as `hello` named it. When a new shell has begun since, everything is
    /// sent.
    recording: Option<RecordingId>,
    #[serde(default = "usual_cols")]
    cols: u16,
    #[serde(default = "usual_rows")]
    rows: u16,
}

fn main_terminal() -> String {
    "main".to_owned()
}

fn usual_cols() -> u16 {
    80
}

fn usual_rows() -> u16 {
    24
}

/// What the client says in text.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromClient {
    Resize { cols: u16, rows: u16 },
    Ack { position: u64 },
    Ping,
}

/// What the client is told in text.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToClient<'a> {
    Hello { terminal: &'a str, recording: RecordingId, from: u64, end: u64 },
    Exit { code: i32 },
    Error { title: &'a str, detail: String },
    Pong,
}

impl ToClient<'_> {
    fn message(&self) -> Message {
        // Serialising a flat enum of numbers and strings cannot fail.
        Message::Text(serde_json::to_string(self).unwrap_or_default().into())
    }
}

pub(super) async fn connect(
    State(runner): State<Arc<Runner>>,
    Path(session): Path<SessionId>,
    Query(wish): Query<Wish>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(held) = runner.held(session) else { return refuse(&Error::NotHere) };
    let size = Size::new(wish.cols, wish.rows);
    let terminal = match held.terminals.attach(&wish.terminal, size, &by_runner()).await {
        Ok(terminal) => terminal,
        Err(error) => {
            tracing::info!(%session, %error, "a terminal could not be opened");
            return refuse(&error);
        }
    };
    let same_shell = wish.recording.is_none_or(|recording| recording == terminal.recording);
    let from = if same_shell { wish.from } else { 0 };
    let draining = runner.draining.clone();
    let ending = held.ending.clone();
    upgrade.max_message_size(MAX_INPUT).on_upgrade(move |socket| async move {
        let mut client =
            Client { reader: Reader::new(Arc::clone(&terminal), from), acked: 0, size, terminal, socket };
        let why = tokio::select! {
            why = client.serve() => why,
            () = draining.cancelled() => Leave::Restart,
            () = ending.cancelled() => Leave::Ended,
        };
        client.leave(why).await;
    })
}

/// Why a connection ends.
#[derive(Debug)]
enum Leave {
    /// The client went.
    Gone,
    /// The client said nothing for too long, or nonsense.
    Refused(&'static str),
    /// The shell, or the session, is over.
    Ended,
    /// The runner restarts: come back.
    Restart,
}

struct Client {
    socket: WebSocket,
    terminal: Arc<Terminal>,
    reader: Reader,
    acked: u64,
    size: Size,
}

impl Client {
    async fn serve(&mut self) -> Leave {
        let from = self.reader.position();
        self.acked = from;
        let hello = ToClient::Hello {
            terminal: &self.terminal.name,
            recording: self.terminal.recording,
            from,
            end: self.terminal.end(),
        };
        if self.socket.send(hello.message()).await.is_err() {
            return Leave::Gone;
        }
        self.resize().await;
        let mut heard = tokio::time::Instant::now();
        loop {
            let has_window = self.reader.position().saturating_sub(self.acked) < WINDOW;
            let step = tokio::select! {
                message = self.socket.recv() => {
                    heard = tokio::time::Instant::now();
                    match message {
                        Some(Ok(message)) => self.hear(message).await,
                        Some(Err(_)) | None => Err(Leave::Gone),
                    }
                }
                chunk = self.reader.next(), if has_window => match chunk {
                    Ok(chunk) => self.send(chunk).await,
                    Err(error) => {
                        tracing::warn!(%error, "older output of a terminal cannot be read");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        Ok(())
                    }
                },
                () = tokio::time::sleep_until(heard + SILENCE) => Err(Leave::Refused("nothing was heard for two minutes")),
            };
            if let Err(why) = step {
                return why;
            }
        }
    }

    async fn send(&mut self, chunk: Chunk) -> Result<(), Leave> {
        let (message, is_last) = match chunk {
            Chunk::Output { position, bytes } => {
                let mut frame = BytesMut::with_capacity(8 + bytes.len());
                frame.put_u64(position);
                frame.put(bytes);
                (Message::Binary(frame.freeze()), false)
            }
            Chunk::Exit(code) => (ToClient::Exit { code }.message(), true),
        };
        self.socket.send(message).await.map_err(|_| Leave::Gone)?;
        if is_last { Err(Leave::Ended) } else { Ok(()) }
    }

    async fn hear(&mut self, message: Message) -> Result<(), Leave> {
        match message {
            Message::Binary(bytes) => self.input(bytes).await,
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(FromClient::Resize { cols, rows }) => {
                    self.size = Size::new(cols, rows);
                    self.resize().await;
                    Ok(())
                }
                Ok(FromClient::Ack { position }) => {
                    self.acked = self.acked.max(position.min(self.reader.position()));
                    Ok(())
                }
                Ok(FromClient::Ping) => {
                    self.socket.send(ToClient::Pong.message()).await.map_err(|_| Leave::Gone)
                }
                Err(_) => Err(Leave::Refused("a text message that is none of resize, ack and ping")),
            },
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(Leave::Gone),
        }
    }

    async fn input(&mut self, bytes: Bytes) -> Result<(), Leave> {
        // Whoever types is the active client: the terminal takes the size of their window.
        self.resize().await;
        match self.terminal.input(bytes).await {
            Ok(()) => Ok(()),
            // The shell is ending; its exit comes next.
            Err(error) if error.is(ErrorCode::Ended) || error.is(ErrorCode::NotFound) => Ok(()),
            Err(error) => {
                let problem = ToClient::Error {
                    title: "Your input did not reach the sandbox",
                    detail: error.to_string(),
                };
                self.socket.send(problem.message()).await.map_err(|_| Leave::Gone)
            }
        }
    }

    async fn resize(&mut self) {
        if let Err(error) = self.terminal.resize(self.size).await {
            tracing::debug!(%error, "a terminal did not take its new size");
        }
    }

    async fn leave(mut self, why: Leave) {
        let (code, reason) = match why {
            Leave::Gone => return,
            Leave::Refused(reason) => (close_code::POLICY, reason),
            Leave::Ended => (close_code::NORMAL, "the shell has ended"),
            Leave::Restart => (close_code::RESTART, "the runner restarts; connect again"),
        };
        // A client that is gone by now needs no farewell.
        let _ = self.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        // A connection that ends while something of the client's is on its way is reset, and takes with it what the client has not read
        // yet: the shell's exit, for one. So its answer is awaited (RFC 6455, section 7.1.1).
        let answer = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(FAREWELL, answer).await;
    }
}
