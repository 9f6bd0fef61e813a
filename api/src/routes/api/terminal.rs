//! The terminal's way from the browser to the session's runner.
//!
//! Frames pass through unchanged, both ways. Each direction waits for its receiver before it takes the next frame, so a slow
//! page slows the runner's sending and not this process' memory down. What is in the frames is neither looked at nor logged.
//!
//! When it cannot go on, the page gets an `error` frame with a sentence and a close code that says whether to come back:
//! [`NOT_READY`], [`ENDED`], 1013 (the runner cannot be reached) or 1012 (runner or api restarts).

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use containrlab_domain::session::Phase;
use containrlab_store::SessionRow;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as RunnerMessage};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tracing::Instrument;
use utoipa::IntoParams;

use crate::extract::OwnSession;
use crate::services::runner;
use crate::state::App;
use crate::{Error, problem};

/// Close code: the session has no sandbox yet; come back when it is ready.
const NOT_READY: u16 = 4001;

/// Close code: the session is over; don't come back.
const ENDED: u16 = 4002;

/// Close code: whoever served this goes away for a moment; come back soon.
const RESTARTING: u16 = 1012;

/// Close code: the runner cannot be reached; come back later.
const TRY_LATER: u16 = 1013;

/// How long connecting to a runner may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of one frame. A page cuts what is pasted into smaller ones, and a runner its output.
const FRAME_LIMIT: usize = 1024 * 1024;

/// How often a runner is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How long a runner may be silent, pings unanswered, before it is taken for gone.
const SILENCE: Duration = Duration::from_secs(45);

/// What the page asks of the terminal; passed on to the runner as it is.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes what is passed on unread")]
struct TerminalQuery {
    /// The terminal's name; `main` is the page's own.
    terminal: Option<String>,
    /// The position in the terminal's output that is wanted next; 0 is the whole scrollback.
    from: Option<u64>,
    /// Columns.
    cols: Option<u16>,
    /// Rows.
    rows: Option<u16>,
}

/// A WebSocket to a terminal of the session. Binary frames from the server are 8 bytes of position (big-endian) and output;
/// binary frames to it are input. Text frames are JSON: `hello`, `exit`, `error`, `pong` from the server; `resize`, `ack`, `ping`
/// to it.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/terminal/ws",
    tag = "sessions",
    params(("id" = uuid::Uuid, Path), TerminalQuery),
    responses((status = 101, description = "A WebSocket"))
)]
pub(super) async fn connect(
    State(app): State<App>,
    OwnSession(session): OwnSession,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|_| Error::NotAWebSocket)?;
    let span = tracing::Span::current();
    let connected = app.terminals.token();
    Ok(upgrade.max_message_size(FRAME_LIMIT).max_frame_size(FRAME_LIMIT).on_upgrade(move |page| {
        async move {
            serve(app, session, query.unwrap_or_default(), page).await;
            drop(connected);
        }
        .instrument(span)
    }))
}

type Runner = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A parting word: what the page is told, and the code it is closed with.
struct Parting {
    code: u16,
    title: &'static str,
    detail: String,
}

impl Parting {
    fn new(code: u16, title: &'static str, detail: &str) -> Self {
        Self { code, title, detail: detail.to_owned() }
    }

    fn restarting() -> Self {
        Self::new(
            RESTARTING,
            "Connecting again",
            "The connection to your sandbox was interrupted; your shell goes on, and so does this terminal in a moment.",
        )
    }
}

async fn serve(app: App, session: SessionRow, query: String, mut page: WebSocket) {
    let runner = match reach(&app, &session, &query).await {
        Ok(runner) => runner,
        Err(parting) => return part(&mut page, parting).await,
    };
    tracing::debug!("a terminal is connected");
    let (to_page, from_page) = page.split();
    let (to_runner, from_runner) = runner.split();
    let up = upwards(from_page, to_runner);
    let down = downwards(&app, from_runner, to_page);
    // Whichever side ends first ends both; the other half's socket closes as it is dropped.
    tokio::select! {
        () = up => {}
        () = down => {}
    }
    tracing::debug!("a terminal is disconnected");
}

/// Connects to the session's runner.
async fn reach(app: &App, session: &SessionRow, query: &str) -> Result<Runner, Parting> {
    match session.phase {
        Phase::Ready => {}
        Phase::Unborn | Phase::Starting => {
            return Err(Parting::new(
                NOT_READY,
                "Not ready yet",
                "Your sandbox is still being prepared; the terminal opens when it is ready.",
            ));
        }
        Phase::Ending | Phase::Ended => {
            return Err(Parting::new(
                ENDED,
                "The session has ended",
                "Its terminal is closed; your files are kept.",
            ));
        }
    }
    let away = || {
        Parting::new(
            TRY_LATER,
            "Your sandbox cannot be reached",
            "The machine that holds it does not answer right now. Your files are kept; the terminal tries again by itself.",
        )
    };
    let runner = runner::of_session(app, session).await.map_err(|error| {
        tracing::warn!(error = %problem::chain(&error), "the runner of a session cannot be looked up");
        away()
    })?;
    let url = runner.and_then(|runner| runner::terminal_address(&runner, session.session_id, query));
    let url = url.ok_or_else(away)?;
    match dial(app, url.as_str()).await {
        Ok(runner) => Ok(runner),
        Err(error) => {
            tracing::warn!(%error, "the runner's terminal gateway cannot be reached");
            Err(away())
        }
    }
}

async fn dial(app: &App, url: &str) -> Result<Runner, String> {
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    let token =
        app.runners.authorization().parse().map_err(|_| "the runner token is no header value".to_owned())?;
    request.headers_mut().insert("authorization", token);
    let config =
        WebSocketConfig::default().max_message_size(Some(FRAME_LIMIT)).max_frame_size(Some(FRAME_LIMIT));
    let connecting = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((runner, _))) => Ok(runner),
        Ok(Err(tungstenite::Error::Http(response))) => Err(format!("it answered {}", response.status())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it did not answer in time".to_owned()),
    }
}

/// From the page to the runner, until the page is gone. Also asks the runner now and then whether it is still there.
async fn upwards(mut from_page: SplitStream<WebSocket>, mut to_runner: SplitSink<Runner, RunnerMessage>) {
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            message = from_page.next() => message,
            _ = ping.tick() => {
                if to_runner.send(RunnerMessage::Ping(bytes::Bytes::new())).await.is_err() {
                    // The other direction notices, too, and says so to the page.
                    return std::future::pending().await;
                }
                continue;
            }
        };
        let passed_on = match message {
            Some(Ok(Message::Text(text))) => RunnerMessage::text(text.as_str()),
            Some(Ok(Message::Binary(bytes))) => RunnerMessage::Binary(bytes),
            // Answered by the library on this side.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                // The shell outlives this; only the connection ends.
                let _ = to_runner.close().await;
                return;
            }
        };
        if to_runner.send(passed_on).await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// From the runner to the page, until the runner is gone or this process is to stop.
async fn downwards(
    app: &App,
    mut from_runner: SplitStream<Runner>,
    mut to_page: SplitSink<WebSocket, Message>,
) {
    loop {
        let message = tokio::select! {
            message = tokio::time::timeout(SILENCE, from_runner.next()) => message,
            () = app.shutdown.cancelled() => return part(&mut to_page, Parting::restarting()).await,
        };
        let passed_on = match message {
            Ok(Some(Ok(RunnerMessage::Text(text)))) => Message::text(text.as_str()),
            Ok(Some(Ok(RunnerMessage::Binary(bytes)))) => Message::Binary(bytes),
            Ok(Some(Ok(RunnerMessage::Ping(_) | RunnerMessage::Pong(_) | RunnerMessage::Frame(_)))) => {
                continue;
            }
            Ok(Some(Ok(RunnerMessage::Close(Some(frame))))) if !is_going_away(frame.code.into()) => {
                // The runner has said what there was to say.
                let close = CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() };
                let _ = to_page.send(Message::Close(Some(close))).await;
                return;
            }
            Ok(Some(Ok(RunnerMessage::Close(_)) | Err(_)) | None) | Err(_) => {
                return part(&mut to_page, Parting::restarting()).await;
            }
        };
        if to_page.send(passed_on).await.is_err() {
            return;
        }
    }
}

/// Codes by which a runner says that it stops: the page is to come back.
fn is_going_away(code: u16) -> bool {
    matches!(code, 1001 | 1005 | 1006 | 1012)
}

/// Says a parting word and closes.
async fn part<S>(page: &mut S, parting: Parting)
where
    S: SinkExt<Message> + Unpin,
{
    let frame = json!({ "type": "error", "title": parting.title, "detail": parting.detail }).to_string();
    let close = CloseFrame { code: parting.code, reason: parting.title.into() };
    let _ = page.send(Message::text(frame)).await;
    let _ = page.send(Message::Close(Some(close))).await;
}
