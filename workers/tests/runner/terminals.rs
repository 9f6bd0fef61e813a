//! Terminals over the gateway.

use std::time::Duration;

use containrlab_domain::session::Phase;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::Client;
use crate::house::{House, output, request_end, until};

#[tokio::test]
async fn a_reconnect_goes_on_where_it_was() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;

    let mut first = Client::connect(runner.gateway, session, 0).await;
    first.send("kept=42; echo on''e\n").await;
    first.until("one\r\n").await;
    let (seen, next) = (first.seen.clone(), first.next);
    drop(first);

    let mut second = Client::connect(runner.gateway, session, next).await;
    second.send("echo tw''o-$kept\n").await;
    second.until("two-42\r\n").await;

    let mut from_the_start = Client::connect(runner.gateway, session, 0).await;
    from_the_start.until("two-42\r\n").await;
    let joined = [seen, second.seen].concat();
    assert_eq!(from_the_start.seen[..joined.len()], joined, "the same bytes, whoever reads them");
}

#[tokio::test]
async fn output_that_memory_has_dropped_comes_from_the_recording() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let mut first = Client::connect(runner.gateway, session, 0).await;
    first.send("seq 1 400000; echo en''d\n").await;
    first.until("\nend\r\n").await;
    assert!(first.seen.len() > 2_500_000);

    let mut late = Client::connect(runner.gateway, session, 0).await;
    late.until("\nend\r\n").await;
    assert_eq!(late.seen, first.seen[..late.seen.len()]);
    let recording = house.store.terminals_of(session).await.unwrap()[0].recording_id;
    until("all is recorded", async || {
        house.store.recording(recording).await.unwrap().unwrap().length >= late.next
    })
    .await;
    let recorded = output(&house.store, recording).await;
    assert_eq!(recorded[..late.seen.len()], late.seen);
}

#[tokio::test]
async fn a_client_that_does_not_acknowledge_is_not_flooded_and_holds_up_nobody() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let mut lazy = Client::connect(runner.gateway, session, 0).await;
    let mut diligent = Client::connect(runner.gateway, session, 0).await;
    diligent.send("seq 1 200000; echo en''d\n").await;
    diligent.until("\nend\r\n").await;
    assert!(diligent.seen.len() > 1_000_000);

    let mut taken = 0;
    while let Ok(message) = tokio::time::timeout(Duration::from_millis(700), lazy.message()).await {
        taken += message.len();
    }
    assert!(taken < 400_000, "{taken} bytes without an acknowledgement");
}

#[tokio::test]
async fn a_shell_that_ends_is_told_and_the_next_attach_opens_a_new_one() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let mut first = Client::connect(runner.gateway, session, 0).await;
    first.send("exit 7\n").await;
    assert_eq!(first.until_exit().await, 7);
    let old = first.hello["recording"].as_str().unwrap().to_owned();

    let query = format!("terminal=main&from={}&recording={old}", first.next);
    let mut second = Client::connect_as(runner.gateway, session, &query).await;
    assert_ne!(second.hello["recording"], old.as_str());
    assert_eq!(second.hello["from"], 0, "a position of the old shell means nothing in the new one");
    second.send("echo ne''w\n").await;
    second.until("new\r\n").await;

    let terminals = house.store.terminals_of(session).await.unwrap();
    assert_eq!(terminals.len(), 2);
    assert_eq!(terminals[0].exit_code, Some(7));
    assert_eq!(terminals[1].closed_at, None);
}

#[tokio::test]
async fn the_terminal_has_the_size_of_whoever_is_active() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let mut wide = Client::connect(runner.gateway, session, 0).await;
    wide.send("stty size | tr ' ' x; echo a''a\n").await;
    wide.until("30x100\r\naa\r\n").await;
    let mut narrow = Client::connect_as(runner.gateway, session, "terminal=main&cols=40&rows=20").await;
    narrow.send("stty size | tr ' ' x; echo b''b\n").await;
    narrow.until("20x40\r\nbb\r\n").await;
    wide.send("stty size | tr ' ' x; echo c''c\n").await;
    wide.until("30x100\r\ncc\r\n").await;
    wide.tell(json!({ "type": "resize", "cols": 132, "rows": 50 })).await;
    wide.send("stty size | tr ' ' x; echo d''d\n").await;
    wide.until("50x132\r\ndd\r\n").await;
    wide.tell(json!({ "type": "ping" })).await;
    while wide.step().await.is_none_or(|told| told["type"] != "pong") {}
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_or_into_a_session_that_is_not_here() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let status = |path: String, token: Option<&str>| {
        let mut request = format!("ws://{}{path}", runner.gateway).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        async move {
            match tokio_tungstenite::connect_async(request).await {
                Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
                other => panic!("{:?}", other.map(|_| "it was let in")),
            }
        }
    };
    let here = format!("/sessions/{session}/terminal/ws");
    assert_eq!(status(here.clone(), None).await, 401);
    assert_eq!(status(here.clone(), Some("wrong")).await, 401);
    let elsewhere = format!("/sessions/{}/terminal/ws", uuid::Uuid::now_v7());
    assert_eq!(status(elsewhere, Some(crate::house::TOKEN)).await, 404);
    let bad_name = format!("{here}?terminal=No%20Name");
    assert_eq!(status(bad_name, Some(crate::house::TOKEN)).await, 409);
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_terminals() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let mut client = Client::connect(runner.gateway, session, 0).await;
    client.send("echo las''t words\n").await;
    client.until("last words\r\n").await;
    let recording = house.store.terminals_of(session).await.unwrap()[0].recording_id;
    request_end(&house.store, session).await;
    until("it is over", async || house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    let recorded = output(&house.store, recording).await;
    assert!(crate::client::contains(&recorded, b"last words\r\n"));
    assert!(house.sandboxes.ids().is_empty());
    // The page learns of it by the connection's end.
    while !matches!(client.message().await, Message::Close(Some(_))) {}
}
