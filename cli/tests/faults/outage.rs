//! PostgreSQL is away for longer than a lease.

use std::time::{Duration, Instant};

use containrlab_domain::ids::SessionId;
use containrlab_domain::job::JobOutcome;
use containrlab_store::JobRowState;
use futures::{SinkExt, StreamExt};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::house::{House, Setup};
use super::person::Person;
use super::work::{until, until_job};

/// How long it is away: longer than a lease and than a runner may be silent, which last 6 s here. `OUTAGE_SECONDS=30` takes the
/// time that was promised, with leases as long as in earnest.
fn outage() -> (Duration, u32) {
    match std::env::var("OUTAGE_SECONDS").ok().filter(|text| !text.is_empty()) {
        Some(text) => (Duration::from_secs(text.parse().expect("OUTAGE_SECONDS is a number")), 1),
        None => (Duration::from_secs(8), 5),
    }
}

/// Connections that a process may ask for in a second while none is to be had. Each of its loops tries about once or twice.
const ASKED_A_SECOND: f64 = 40.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgresql_is_away_nothing_crashes_and_afterwards_nothing_is_lost() {
    let (away, haste) = outage();
    let mut house = House::start_as(Setup { haste, ..Setup::with(1) }).await;
    let store = house.store().await;
    let ada = Person::sign_in(&house.url).await;
    let session = ada.started_session().await;
    let mut terminal = Terminal::open(&ada, session).await;
    terminal.says("echo six times seven is $((6*7))", "seven is 42").await;
    let pids: Vec<_> = house.parts().map(|part| part.pid()).collect();

    // It begins before and ends while nobody can be told.
    let seconds = away.as_secs_f64() / 2.0;
    let job =
        ada.exec(session, &format!("echo begun >> effects; sleep {seconds}; echo ended >> effects")).await;
    until("the command begins", async || (house.written_into("effects") == "begun\n").then_some(())).await;
    drop(store);
    let asked_before = house.wire.asked();
    house.services.postgres.kill();
    let gone = Instant::now();

    for path in ["/labs", &format!("/sessions/{session}"), "/api/labs", &format!("/api/sessions/{session}")] {
        is_told_to_come_back(&ada, path).await;
    }
    terminal.says("echo still $((40+2)) here", "still 42 here").await;
    until("the command ends in the sandbox", async || {
        (house.written_into("effects") == "begun\nended\n").then_some(())
    })
    .await;
    while gone.elapsed() < away {
        is_told_to_come_back(&ada, "/api/labs").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    terminal.says("echo and $((6*8)) more", "and 48 more").await;
    let asked = (house.wire.asked() - asked_before) as f64 / gone.elapsed().as_secs_f64();
    println!("{asked:.1} connections were asked for in a second");
    assert!(asked < 2.0 * ASKED_A_SECOND, "{asked} connections a second");

    house.services.postgres.revive().await;
    let store = house.store().await;
    let back = Instant::now();
    let row = until_job(&store, job, JobRowState::Done).await;
    println!("the outcome was recorded {:?} after PostgreSQL was back", back.elapsed());
    assert!(matches!(row.outcome, Some(JobOutcome::Exited { code: 0, .. })), "{row:?}");
    assert_eq!(row.starts, 1, "who did it has held its result");
    assert_eq!(house.written_into("effects"), "begun\nended\n", "it was done once");
    until("pages are there again", async || ada.get("/labs").await.status().is_success().then_some(())).await;
    terminal.says("echo back $((6*9))", "back 54").await;
    assert!(!terminal.closed, "the terminal stayed open all the while");
    // The session is no worse off: it takes the next command.
    let next = ada.exec(session, "true").await;
    let row = until_job(&store, next, JobRowState::Done).await;
    assert!(row.outcome.is_some_and(|outcome| outcome.succeeded()));

    assert_eq!(house.parts().map(|part| part.pid()).collect::<Vec<_>>(), pids);
    for part in house.parts() {
        assert!(part.is_alive(), "{} has ended: {}", part.name, part.said());
        assert!(!part.said().contains("panicked at"), "{}", part.said());
    }
    let (database, connection) = tokio_postgres::connect(&house.services.database_url, tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL");
    tokio::spawn(connection);
    let count = "select count(*) from pg_stat_activity where application_name = 'containrlab'";
    let connections: i64 = database.query_one(count, &[]).await.expect("a read").get(0);
    assert!(connections <= 2 * (16 + 1) + 4, "{connections} connections");
}

/// Whoever asks for this is told that it is a matter of time.
async fn is_told_to_come_back(person: &Person, path: &str) {
    let answer = person.get(path).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    assert!(after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{path}: {:?}", answer.headers());
    let said = answer.text().await.expect("text");
    assert!(said.len() > 40 && !said.contains("postgres"), "{path}: {said}");
}

/// A terminal on a page.
struct Terminal {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    shown: String,
    closed: bool,
}

impl Terminal {
    async fn open(person: &Person, session: SessionId) -> Self {
        let path = format!("/api/sessions/{session}/terminal/ws?terminal=main&from=0&cols=100&rows=30");
        let url = format!("ws{}{path}", person.url.trim_start_matches("http"));
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert("cookie", person.cookie.parse().expect("a header"));
        request.headers_mut().insert("origin", person.url.parse().expect("a header"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("a terminal");
        Self { socket, shown: String::new(), closed: false }
    }

    /// Types a line and waits for what follows from it.
    async fn says(&mut self, line: &str, expected: &str) {
        self.socket.send(Message::binary(format!("{line}\r").into_bytes())).await.expect("it is open");
        let shown = async {
            while !self.shown.contains(expected) {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(bytes))) => {
                        let Some((position, bytes)) = bytes.split_first_chunk::<8>() else { continue };
                        self.shown.push_str(&String::from_utf8_lossy(bytes));
                        let next = u64::from_be_bytes(*position) + bytes.len() as u64;
                        let ack = json!({ "type": "ack", "position": next }).to_string();
                        self.socket.send(Message::text(ack)).await.expect("it is open");
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => {
                        self.closed = true;
                        return;
                    }
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), shown).await.expect("it answers");
        assert!(self.shown.contains(expected), "closed: {}; shown: {}", self.closed, self.shown);
    }
}
