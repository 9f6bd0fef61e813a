//! Ports over the gateway.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use containrlab_domain::ids::SessionId;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::house::{House, PATIENCE, TOKEN};

/// Asks the gateway, and gives the head of its answer and the connection.
async fn ask(gateway: SocketAddr, path: &str, token: &str, upgrade: bool) -> (String, TcpStream) {
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

async fn ports(gateway: SocketAddr, session: SessionId, query: &str) -> Vec<u64> {
    let (head, mut stream) = ask(gateway, &format!("/sessions/{session}/ports{query}"), TOKEN, false).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut body = String::new();
    stream.read_to_string(&mut body).await.expect("a body");
    let open: Value = serde_json::from_str(&body).expect("JSON");
    open["ports"].as_array().expect("a list").iter().map(|port| port.as_u64().expect("a port")).collect()
}

#[tokio::test]
async fn a_port_becomes_a_stream_of_bytes_for_whoever_has_the_token() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let path = format!("/sessions/{session}/ports/{port}");

    let (head, _) = ask(runner.gateway, &path, "another token", true).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let (head, _) = ask(runner.gateway, &path, TOKEN, false).await;
    assert!(head.starts_with("HTTP/1.1 426"), "{head}");
    let elsewhere = format!("/sessions/{}/ports/{port}", Uuid::now_v7());
    let (head, _) = ask(runner.gateway, &elsewhere, TOKEN, true).await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");

    let (head, mut stream) = ask(runner.gateway, &path, TOKEN, true).await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("containrlab-tcp"), "{head}");
    let (mut service, _) = listener.accept().await.expect("a connection");
    let mut bytes = [0; 8];
    stream.write_all(b"\0question").await.expect("sent");
    service.read_exact(&mut bytes).await.expect("taken");
    assert_eq!(&bytes, b"\0questio");
    service.write_all(b"answer\0\xff").await.expect("sent");
    stream.read_exact(&mut bytes).await.expect("taken");
    assert_eq!(&bytes, b"answer\0\xff");
    // Either side's end is the other's.
    drop(service);
    assert_eq!(stream.read(&mut bytes).await.unwrap_or(0), 0);
    let (_, stream) = ask(runner.gateway, &path, TOKEN, true).await;
    let (mut service, _) = listener.accept().await.expect("a connection");
    drop(stream);
    let end = tokio::time::timeout(PATIENCE, service.read(&mut bytes)).await.expect("the end");
    assert_eq!(end.unwrap_or(0), 0);

    drop(listener);
    let (head, _) = ask(runner.gateway, &path, TOKEN, true).await;
    assert!(head.starts_with("HTTP/1.1 409"), "{head}");
}

#[tokio::test]
async fn the_list_of_ports_waits_for_news() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    // Sandboxes are processes of this machine here, and its ports come and go with other tests.
    let before = ports(runner.gateway, session, "").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = u64::from(listener.local_addr().expect("an address").port());
    let known: Vec<String> = before.iter().map(u64::to_string).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = ports(runner.gateway, session, &format!("?known={}", known.join(","))).await;
        assert_ne!(now, before, "it answers when there is news");
        if now.contains(&port) {
            break;
        }
        assert!(Instant::now() < deadline, "{port} never appeared");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
