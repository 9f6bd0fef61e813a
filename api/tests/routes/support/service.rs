//! What a learner's container serves, for previews to show.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use futures::{Stream, StreamExt};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A service on a port of this machine.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// Lets `/slow` say its second half.
    pub(crate) go_on: Arc<Notify>,
}

impl Service {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let go_on = Arc::new(Notify::new());
        let router = Router::new()
            .route("/ask", any(ask))
            .route("/cookies", get(cookies))
            .route("/moved", get(moved))
            .route("/slow", get(slow))
            .route("/large", any(large))
            .route("/socket", get(socket))
            .with_state(Arc::clone(&go_on));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, go_on }
    }
}

/// Says how it was asked.
async fn ask(request: Request) -> Json<Value> {
    let headers: Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().expect("text"))))
        .collect();
    let (method, target) = (request.method().to_string(), request.uri().to_string());
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let body = String::from_utf8_lossy(&body).into_owned();
    Json(json!({ "method": method, "target": target, "headers": headers, "body": body }))
}

async fn cookies() -> impl IntoResponse {
    let mut headers = HeaderMap::new();
    headers.append("set-cookie", "own=1; Domain=localhost; Path=/".parse().expect("a value"));
    headers.append("set-cookie", "containrlab_preview=stolen".parse().expect("a value"));
    headers.append("clear-site-data", "\"*\"".parse().expect("a value"));
    (headers, "baked")
}

async fn moved() -> impl IntoResponse {
    (StatusCode::FOUND, [("location", "http://localhost:8080/ask?there")])
}

/// Says one half, and the other once it is told to.
async fn slow(State(go_on): State<Arc<Notify>>) -> Body {
    let second = async move {
        go_on.notified().await;
        Bytes::from("second")
    };
    let halves = futures::stream::once(std::future::ready(Bytes::from("first ")));
    Body::from_stream(halves.chain(futures::stream::once(second)).map(Ok::<_, std::io::Error>))
}

/// Sends back as many bytes as came, as they come.
async fn large(body: Body) -> Body {
    Body::from_stream(in_time(body.into_data_stream()))
}

fn in_time<S: Stream>(stream: S) -> impl Stream<Item = S::Item> {
    stream.then(|item| async move {
        // So that it can't be done before the first bytes are sent back.
        tokio::time::sleep(Duration::from_micros(50)).await;
        item
    })
}

async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["chat"]).on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}
