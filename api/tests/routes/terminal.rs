//! The terminal's way through the api, to a stand-in runner that speaks the real protocol.

use containrlab_domain::ids::SessionId;
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{DEADLINE, Gateway, Person, Runner, Served};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(
    address: &str,
    person: &Person,
    session: SessionId,
    query: &str,
    origin: Option<&str>,
) -> Result<Socket, Error> {
    let url = format!("ws://{address}/api/sessions/{session}/terminal/ws{query}");
    let mut request = url.into_client_request().expect("a request");
    request.headers_mut().insert("cookie", person.cookie.parse().expect("a cookie"));
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("an origin"));
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Message {
    let message = tokio::time::timeout(DEADLINE, socket.next()).await.expect("in time");
    message.expect("a message").expect("no error")
}

async fn text(socket: &mut Socket) -> Value {
    let message = next(socket).await;
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

async fn close(socket: &mut Socket) -> CloseFrame {
    match next(socket).await {
        Message::Close(Some(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn frames_pass_through_unchanged_both_ways() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let gateway = Gateway::open().await;
    Runner::at(&api, &gateway.address).await.provision(id).await;
    let own = api.url("");
    let query = "?terminal=main&from=7&cols=120&rows=40";
    let mut socket = connect(&api.address, &ada, id, query, Some(&own)).await.expect("connected");
    assert_eq!(text(&mut socket).await["type"], "hello");
    assert_eq!(gateway.terminals(), ["terminal=main&from=7&cols=120&rows=40"]);

    let mut expected = 0u64;
    for input in [&b"ls\r"[..], "grüße 🐳".as_bytes(), b"\x03\x00\xff", &[b'x'; 100_000]] {
        socket.send(Message::binary(input.to_vec())).await.expect("sent");
        let frame = next(&mut socket).await.into_data();
        assert_eq!(frame[..8], expected.to_be_bytes());
        assert_eq!(&frame[8..], input);
        expected += input.len() as u64;
    }
    socket.send(Message::text(r#"{"type":"ping"}"#)).await.expect("sent");
    assert_eq!(text(&mut socket).await["of"]["type"], "ping");
    socket.send(Message::binary(b"exit".to_vec())).await.expect("sent");
    assert_eq!(text(&mut socket).await["type"], "exit");
    let frame = close(&mut socket).await;
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "the shell ended"));
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_terminal_and_neither_does_another_learner() {
    let api = Served::new().await;
    let (ada, bob) = (api.person("Ada").await, api.person("Bob").await);
    let id = ada.start("lab1").await;
    let gateway = Gateway::open().await;
    Runner::at(&api, &gateway.address).await.provision(id).await;
    let refused = |person: Person, origin: Option<&'static str>| {
        let address = api.address.clone();
        async move {
            match connect(&address, &person, id, "", origin).await {
                Err(Error::Http(response)) => response.status().as_u16(),
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(refused(ada.clone(), Some("https://evil.example")).await, 403);
    assert_eq!(refused(ada.clone(), Some("null")).await, 403);
    assert_eq!(refused(bob, None).await, 404);
    assert_eq!(refused(api.stranger().signed_out(), None).await, 401);
    assert!(gateway.terminals().is_empty());
    ada.get(&format!("/api/sessions/{id}/terminal/ws")).await.problem(426, "not_a_websocket");
}

#[tokio::test]
async fn a_terminal_that_cannot_be_is_told_why_and_whether_to_come_back() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let told = || async {
        let mut socket = connect(&api.address, &ada, id, "", None).await.expect("connected");
        let error = text(&mut socket).await;
        assert_eq!(error["type"], "error");
        assert!(error["detail"].as_str().expect("a sentence").ends_with('.'), "{error}");
        u16::from(close(&mut socket).await.code)
    };
    assert_eq!(told().await, 4001);
    let runner = Runner::new(&api).await;
    runner.provision(id).await;
    assert_eq!(told().await, 1013);
    ada.delete(&format!("/api/sessions/{id}")).await.expect(202);
    assert_eq!(told().await, 4002);
    runner.clean_up(id).await;
    assert_eq!(told().await, 4002);
}

#[tokio::test]
async fn a_runner_that_dies_or_an_api_that_stops_lets_the_page_come_back() {
    let mut api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let gateway = Gateway::open().await;
    Runner::at(&api, &gateway.address).await.provision(id).await;
    let mut socket = connect(&api.address, &ada, id, "", None).await.expect("connected");
    assert_eq!(text(&mut socket).await["type"], "hello");

    let (next_api, shutdown) = api.again().await;
    api.stop().await;
    assert_eq!(text(&mut socket).await["type"], "error");
    assert_eq!(u16::from(close(&mut socket).await.code), 1012);

    let mut socket = connect(&next_api, &ada, id, "?from=12", None).await.expect("connected");
    assert_eq!(text(&mut socket).await["type"], "hello");
    gateway.die();
    assert_eq!(text(&mut socket).await["type"], "error");
    assert_eq!(u16::from(close(&mut socket).await.code), 1012);
    shutdown.cancel();
}
