//! What tests ask the runner's gateway, as the api does.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{PATIENCE, TOKEN};

/// Asks, and gives the head of the answer and the connection.
pub(crate) async fn ask(gateway: SocketAddr, path: &str, token: &str, upgrade: bool) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(gateway).await.expect("a gateway");
    let connection = if upgrade { "upgrade\r\nupgrade: containrlab-tcp" } else { "close" };
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: runner\r\nauthorization: Bearer {token}\r\nconnection: {connection}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("asked");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("an answer");
        answer.push(byte.expect("a whole head"));
    }
    (String::from_utf8(answer).expect("text"), stream)
}

/// Asks for something that is there.
pub(crate) async fn json(gateway: SocketAddr, path: &str) -> Value {
    let (head, mut stream) = ask(gateway, path, TOKEN, false).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut body = String::new();
    stream.read_to_string(&mut body).await.expect("a body");
    serde_json::from_str(&body).expect("JSON")
}
