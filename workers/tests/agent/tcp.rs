//! Connections to ports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use containrlab_agent::message::ErrorCode;
use containrlab_workers::sandbox::{AgentError, ConnectionReader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{TestAgent, soon, until};

/// A service on a port of its own.
async fn service() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    soon("a connection", listener.accept()).await.unwrap().0
}

/// All that comes from a port.
async fn read_all(mut reader: ConnectionReader) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(bytes) = soon("bytes", reader.next()).await.unwrap() {
        all.extend_from_slice(&bytes);
    }
    all
}

/// So many bytes, none of which could be missing or twice unnoticed.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32 / 4).flat_map(u32::to_be_bytes).collect()
}

#[tokio::test]
async fn bytes_pass_both_ways_at_once_whole_and_in_order() {
    let agent = TestAgent::start().await;
    let (listener, port) = service().await;
    let (reader, writer) = agent.client().await.tcp_connect(port).await.unwrap();
    let stream = accept(&listener).await;
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = stream.into_split();
        tokio::io::copy(&mut from, &mut to).await.unwrap()
    });
    let sent = pattern(6 << 20);
    let send = async {
        for chunk in sent.chunks(100_000) {
            writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        writer.finish().await.unwrap();
    };
    let (came, ()) = soon("all of it", async { tokio::join!(read_all(reader), send) }).await;
    assert!(came == sent, "{} bytes of {} came back", came.len(), sent.len());
    assert_eq!(echo.await.unwrap(), sent.len() as u64);
}

#[tokio::test]
async fn a_service_may_answer_after_the_last_byte_was_sent() {
    let agent = TestAgent::start().await;
    let (listener, port) = service().await;
    let (reader, writer) = agent.client().await.tcp_connect(port).await.unwrap();
    let mut stream = accept(&listener).await;
    writer.write(Bytes::from_static(b"a question")).await.unwrap();
    writer.finish().await.unwrap();
    let mut question = String::new();
    soon("the whole question", stream.read_to_string(&mut question)).await.unwrap();
    assert_eq!(question, "a question");
    stream.write_all(b"an answer").await.unwrap();
    drop(stream);
    assert_eq!(read_all(reader).await, b"an answer");
    assert!(writer.write(Bytes::from_static(b"more")).await.unwrap_err().is(ErrorCode::Ended));
}

#[tokio::test]
async fn where_nothing_listens_nothing_is_connected() {
    let agent = TestAgent::start().await;
    let (listener, port) = service().await;
    let client = agent.client().await;
    assert!(client.tcp_ports().await.unwrap().iter().any(|open| open.port == port && open.loopback));
    drop(listener);
    let error = client.tcp_connect(port).await.unwrap_err();
    assert!(error.is(ErrorCode::NotListening), "{error}");
    assert_eq!(error.to_string(), format!("Nothing listens on port {port} of this sandbox."));
    assert!(!client.tcp_ports().await.unwrap().iter().any(|open| open.port == port));
}

#[tokio::test]
async fn a_service_whose_bytes_nobody_takes_comes_to_a_stop_and_nothing_else_does() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let (listener, port) = service().await;
    let (mut reader, _writer) = client.tcp_connect(port).await.unwrap();
    let mut stream = accept(&listener).await;
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    tokio::spawn(async move {
        let chunk = vec![7; 64 << 10];
        while stream.write_all(&chunk).await.is_ok() {
            count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    });
    let mut before = 1;
    until("the service to be stopped", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = written.load(Ordering::Relaxed);
        std::mem::replace(&mut before, now) == now
    })
    .await;
    assert!(before < 32 << 20, "{before} bytes went somewhere");
    // Others on the same connection of the runner are not held up.
    soon("an answer", client.status()).await.unwrap();
    let mut taken = 0;
    while taken < before {
        taken += soon("bytes", reader.next()).await.unwrap().unwrap().len() as u64;
    }
    until("it to go on", async || written.load(Ordering::Relaxed) > before).await;
}

#[tokio::test]
async fn a_connection_ends_with_its_reader_and_with_the_runners_own() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let (listener, port) = service().await;
    let (reader, _writer) = client.tcp_connect(port).await.unwrap();
    let mut stream = accept(&listener).await;
    drop(reader);
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest)).await.unwrap();

    let (mut reader, _writer) = client.tcp_connect(port).await.unwrap();
    let mut stream = accept(&listener).await;
    agent.cut();
    assert!(matches!(soon("news", reader.next()).await, Err(AgentError::Lost)));
    soon("the end", stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    // The next one finds the agent again.
    client.tcp_connect(port).await.unwrap();
}
