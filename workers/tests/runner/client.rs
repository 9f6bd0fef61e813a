//! A page's terminal, over the real WebSocket of the gateway.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes};
use containrlab_domain::ids::SessionId;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::house::{PATIENCE, TOKEN};

/// A connected terminal that checks every position.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) hello: Value,
    /// Position of the next byte.
    pub(crate) next: u64,
    /// All that came.
    pub(crate) seen: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(gateway: SocketAddr, session: SessionId, from: u64) -> Self {
        Self::connect_as(gateway, session, &format!("terminal=main&from={from}&cols=100&rows=30")).await
    }

    pub(crate) async fn connect_as(gateway: SocketAddr, session: SessionId, query: &str) -> Self {
        let address = format!("ws://{gateway}/sessions/{session}/terminal/ws?{query}");
        let mut request = address.into_client_request().expect("a request");
        request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().expect("a header"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("a terminal");
        let mut this = Self { socket, hello: Value::Null, next: 0, seen: Vec::new() };
        let Message::Text(hello) = this.message().await else { panic!("the first message is no text") };
        this.hello = serde_json::from_str(&hello).expect("JSON");
        assert_eq!(this.hello["type"], "hello");
        this.next = this.hello["from"].as_u64().expect("a position");
        this
    }

    /// Types.
    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::Binary(Bytes::copy_from_slice(text.as_bytes()))).await.expect("sent");
    }

    pub(crate) async fn tell(&mut self, message: Value) {
        self.socket.send(Message::Text(message.to_string().into())).await.expect("sent");
    }

    /// Reads until the text was seen, and checks that no byte is missing and none comes twice.
    pub(crate) async fn until(&mut self, text: &str) {
        let mut looked = 0;
        while !contains(&self.seen[looked..], text.as_bytes()) {
            // What was looked at need not be looked at again, but for a beginning of the text at its end.
            looked = self.seen.len().saturating_sub(text.len());
            if let Some(told) = self.step().await {
                panic!("{told} instead of {text:?}; seen: {}", self.text());
            }
        }
    }

    /// Reads until the shell's exit; its code.
    pub(crate) async fn until_exit(&mut self) -> i64 {
        loop {
            if let Some(told) = self.step().await
                && told["type"] == "exit"
            {
                return told["code"].as_i64().expect("a code");
            }
        }
    }

    /// Takes one message: output is kept and acknowledged, text is given back.
    pub(crate) async fn step(&mut self) -> Option<Value> {
        let message = self.message().await;
        self.handle(message).await
    }

    async fn handle(&mut self, message: Message) -> Option<Value> {
        match message {
            Message::Binary(mut frame) => {
                let position = frame.get_u64();
                assert_eq!(position, self.next, "nothing twice, nothing missing");
                self.next += frame.len() as u64;
                self.seen.extend_from_slice(&frame);
                let ack = json!({ "type": "ack", "position": self.next }).to_string();
                // Nobody may be there for it any more: then what comes next says why.
                let _ = self.socket.send(Message::Text(ack.into())).await;
                None
            }
            Message::Text(text) => Some(serde_json::from_str(&text).expect("JSON")),
            other => panic!("{other:?}"),
        }
    }

    /// As [`Client::step`], if anything comes soon.
    pub(crate) async fn step_within(&mut self, limit: Duration) {
        // Waiting for a message can be dropped without losing one.
        if let Ok(message) = tokio::time::timeout(limit, self.socket.next()).await {
            let message = message.expect("a message").expect("a message");
            self.handle(message).await;
        }
    }

    pub(crate) async fn message(&mut self) -> Message {
        let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        message
            .unwrap_or_else(|_| panic!("nothing comes; seen: {}", self.text()))
            .expect("a message")
            .expect("a message")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
