//! A stand-in for a runner's gateway: the real protocol over a real socket, an echo in place of a shell.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use containrlab_domain::ids::SessionId;
use containrlab_domain::workspace::WorkspaceCommand;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Runner;
use super::served::RUNNER_TOKEN;

/// A gateway, and what it was asked.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) address: String,
    asked: Arc<Asked>,
}

#[derive(Default)]
struct Asked {
    flushes: Mutex<Vec<SessionId>>,
    terminals: Mutex<Vec<String>>,
    /// What listens in the sandbox, by port.
    ports: watch::Sender<BTreeMap<u16, SocketAddr>>,
    /// What a flush brings into the ledger.
    unkept: tokio::sync::Mutex<Option<(Runner, WorkspaceCommand)>>,
    gone: CancellationToken,
}

impl Gateway {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Asked::default());
        let router = Router::new()
            .route("/sessions/{id}/flush", post(flush))
            .route("/sessions/{id}/terminal/ws", get(terminal))
            .route("/sessions/{id}/ports", get(list_ports))
            .route("/sessions/{id}/ports/{port}", get(connect))
            .with_state(asked.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    /// A change in the terminal that the next flush will bring into the ledger.
    pub(crate) async fn leave_unkept(&self, runner: Runner, command: WorkspaceCommand) {
        *self.asked.unkept.lock().await = Some((runner, command));
    }

    pub(crate) fn flushes(&self) -> Vec<SessionId> {
        self.asked.flushes.lock().expect("no panic").clone()
    }

    /// The queries of the terminals that were asked for.
    pub(crate) fn terminals(&self) -> Vec<String> {
        self.asked.terminals.lock().expect("no panic").clone()
    }

    /// Something listens on a port from now on.
    pub(crate) fn publish(&self, port: u16, service: SocketAddr) {
        self.asked.ports.send_modify(|ports| {
            ports.insert(port, service);
        });
    }

    /// Nothing listens there any more.
    pub(crate) fn close(&self, port: u16) {
        self.asked.ports.send_modify(|ports| {
            ports.remove(&port);
        });
    }

    /// Breaks all connections off, as a killed process does.
    pub(crate) fn die(&self) {
        self.asked.gone.cancel();
    }
}

fn may_come_in(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value == &format!("Bearer {RUNNER_TOKEN}"))
}

async fn flush(State(asked): State<Arc<Asked>>, Path(id): Path<String>, headers: HeaderMap) -> StatusCode {
    if !may_come_in(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let session: SessionId = id.parse().expect("an id");
    asked.flushes.lock().expect("no panic").push(session);
    if let Some((runner, command)) = asked.unkept.lock().await.take() {
        runner.in_terminal(session, command).await;
    }
    StatusCode::NO_CONTENT
}

async fn terminal(
    State(asked): State<Arc<Asked>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, StatusCode> {
    if !may_come_in(&headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    asked.terminals.lock().expect("no panic").push(query.unwrap_or_default());
    Ok(upgrade.on_upgrade(move |socket| echo(asked, socket)))
}

#[derive(Deserialize)]
struct Known {
    known: Option<String>,
}

async fn list_ports(
    State(asked): State<Arc<Asked>>,
    Query(query): Query<Known>,
    headers: HeaderMap,
) -> Response {
    if !may_come_in(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let numbers =
        |ports: &BTreeMap<u16, SocketAddr>| ports.keys().map(u16::to_string).collect::<Vec<_>>().join(",");
    let mut ports = asked.ports.subscribe();
    let is_news =
        |ports: &BTreeMap<u16, SocketAddr>| query.known.as_ref().is_none_or(|known| *known != numbers(ports));
    let now = ports.wait_for(is_news).await.expect("it is kept").keys().copied().collect::<Vec<_>>();
    Json(json!({ "ports": now })).into_response()
}

async fn connect(
    State(asked): State<Arc<Asked>>,
    Path((_, port)): Path<(String, u16)>,
    mut request: Request,
) -> Response {
    if !may_come_in(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(request.headers()["upgrade"], "containrlab-tcp");
    let service = asked.ports.borrow().get(&port).copied();
    let Some(service) = service else { return StatusCode::CONFLICT.into_response() };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut api = TokioIo::new(upgrade.await.expect("a stream"));
        let mut service = TcpStream::connect(service).await.expect("the service");
        let _ = tokio::io::copy_bidirectional(&mut api, &mut service).await;
    });
    (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "containrlab-tcp")])
        .into_response()
}

/// Says hello, then sends back whatever comes, with positions as output has them. `exit` ends it.
async fn echo(asked: Arc<Asked>, mut socket: WebSocket) {
    let hello = r#"{"type":"hello","terminal":"main","from":0,"end":0}"#;
    socket.send(Message::text(hello)).await.expect("sent");
    let mut position = 0u64;
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = asked.gone.cancelled() => return,
        };
        match message {
            Some(Ok(Message::Binary(bytes))) if bytes.as_ref() == b"exit" => {
                let _ = socket.send(Message::text(r#"{"type":"exit","code":0}"#)).await;
                let close = CloseFrame { code: 1000, reason: "the shell ended".into() };
                let _ = socket.send(Message::Close(Some(close))).await;
                return;
            }
            Some(Ok(Message::Binary(bytes))) => {
                let mut frame = position.to_be_bytes().to_vec();
                frame.extend_from_slice(&bytes);
                position += bytes.len() as u64;
                let _ = socket.send(Message::Binary(frame.into())).await;
            }
            Some(Ok(Message::Text(text))) => {
                let _ = socket.send(Message::text(format!(r#"{{"type":"pong","of":{text}}}"#))).await;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}
