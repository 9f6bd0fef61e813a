//! Ports over the gateway.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use containrlab_domain::ids::SessionId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::gateway::{ask, json};
use crate::house::{House, PATIENCE, TOKEN};

async fn ports(gateway: SocketAddr, session: SessionId, query: &str) -> Vec<u64> {
    let open = json(gateway, &format!("/sessions/{session}/ports{query}")).await;
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
