//! The live parts of a session's page; the protocol stands in `containrlab_web_templates::live`.

use std::collections::HashMap;
use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::SessionId;
use containrlab_domain::session::Phase;
use containrlab_web_templates::live::event_data;
use containrlab_web_templates::{LogChunk, LogPartial, StatusPartial, Template};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::logs::LogPiece;
use super::{Cut, IN_FLIGHT, KEEP_ALIVE, LogCursor, LogTail, PortsTail, Snapshot, TimelineTail};
use crate::state::App;
use crate::view::{self, LogLines};
use crate::{Error, problem};

/// Answers with the stream of a session's page. Everything is read once before the answer, so that a database that is away
/// is told by a status, which makes the browser come back later.
pub(crate) async fn stream(app: App, session: SessionId, cursor: LogCursor) -> Result<Response, Error> {
    let mut follower = Follower {
        bell: app.store.live().subscribe(session),
        session,
        timeline: TimelineTail::new(session, 0),
        logs: LogTail::new(Cut::Lines, cursor),
        ports: PortsTail::new(&app, session),
        sent: HashMap::new(),
        snapshot: None,
        more: false,
        app,
    };
    let (first, over) = follower.step().await?;
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    tokio::spawn(async move {
        if let Err(error) = follower.run(first, over, &sender).await {
            // The browser connects again and is told by a status.
            tracing::warn!(%session, error = %problem::chain(&error), "a live stream broke off");
        }
    });
    let stream = ReceiverStream::new(receiver);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

type Sent = Result<Event, Infallible>;

/// One page's view of a session.
struct Follower {
    app: App,
    session: SessionId,
    bell: containrlab_store::live::Doorbell,
    timeline: TimelineTail,
    logs: LogTail,
    ports: PortsTail,
    /// What was last sent of each replacing part, rendered without its forms' keys.
    sent: HashMap<&'static str, String>,
    snapshot: Option<Snapshot>,
    /// Whether the logs hold more than was read at once.
    more: bool,
}

impl Follower {
    async fn run(&mut self, first: Vec<Event>, over: bool, sender: &mpsc::Sender<Sent>) -> Result<(), Error> {
        let (mut events, mut over) = (first, over);
        loop {
            for event in events {
                // An error means that nobody listens any more.
                if sender.send(Ok(event)).await.is_err() {
                    return Ok(());
                }
            }
            if over {
                // Without data no browser would dispatch it.
                let _ = sender.send(Ok(Event::default().event("close").data("ended"))).await;
                return Ok(());
            }
            tokio::select! {
                () = self.bell.rung(), if !self.more => {}
                () = std::future::ready(()), if self.more => {}
                () = self.ports.changed() => {}
                () = sender.closed() => return Ok(()),
                () = self.app.shutdown.cancelled() => return Ok(()),
            }
            (events, over) = self.step().await?;
        }
    }

    /// What is new, and whether nothing will come any more.
    async fn step(&mut self) -> Result<(Vec<Event>, bool), Error> {
        let mut events = Vec::new();
        let happened = !self.timeline.step(&self.app).await?.is_empty();
        if happened || self.snapshot.as_ref().is_none_or(Snapshot::waits) {
            let snapshot = Snapshot::read(&self.app, self.session).await?;
            let sent = &mut self.sent;
            // The server's time is in it; that it goes on is no news.
            let status = |key: &str| match key {
                "" => StatusPartial { now: Timestamp::UNIX_EPOCH, ..snapshot.status("") },
                key => snapshot.status(key),
            };
            add_part(&mut events, sent, "status", status)?;
            add_part(&mut events, sent, "files", |_| snapshot.files())?;
            add_part(&mut events, sent, "jobs", |key| snapshot.jobs(key))?;
            add_part(&mut events, sent, "verdict", |key| snapshot.verdict(&self.app, key))?;
            add_part(&mut events, sent, "hints", |key| snapshot.hints(&self.app, key))?;
            add_part(&mut events, sent, "timeline", |_| self.timeline.partial())?;
            self.snapshot = Some(snapshot);
        }
        let Some(snapshot) = &self.snapshot else { return Ok((events, false)) };
        // Without a sandbox there are none; of one that lives nobody says any before it was asked.
        let is_ready = snapshot.session.phase == Phase::Ready;
        if let Some(ports) = if is_ready { self.ports.now() } else { Some(Vec::new()) } {
            let partial = |_: &str| view::ports(&self.app, &snapshot.session, &ports);
            add_part(&mut events, &mut self.sent, "ports", partial)?;
        }
        let over = snapshot.is_over();
        let (pieces, more) = self.logs.step(&self.app, &snapshot.jobs).await?;
        if !pieces.is_empty() {
            let data = event_data(&log_partial(&pieces)).map_err(Error::internal)?;
            events.push(Event::default().event("log").id(self.logs.cursor().to_string()).data(data));
        }
        self.more = more;
        Ok((events, over && !more))
    }
}

/// Adds a replacing part if it differs from what was sent. Its forms get a fresh key, which is no difference: it is
/// compared as it is rendered with an empty one.
fn add_part<T: Template>(
    events: &mut Vec<Event>,
    sent: &mut HashMap<&'static str, String>,
    name: &'static str,
    partial: impl Fn(&str) -> T,
) -> Result<(), Error> {
    let plain = event_data(&partial("")).map_err(Error::internal)?;
    if sent.get(name) == Some(&plain) {
        return Ok(());
    }
    sent.insert(name, plain);
    let data = event_data(&partial(&view::fresh_key())).map_err(Error::internal)?;
    events.push(Event::default().event(name).data(data));
    Ok(())
}

/// Pieces of logs as the page shows them.
pub(crate) fn log_partial(pieces: &[LogPiece]) -> LogPartial {
    let chunk = |piece: &LogPiece| {
        let mut lines = LogLines::cut(&piece.part.bytes, piece.part.from, piece.part.complete).lines;
        if piece.part.complete {
            lines.push(view::system_line(&piece.job, piece.part.next()));
        }
        LogChunk {
            job_id: piece.log_name(),
            heading: (piece.part.from == 0).then(|| view::heading(&piece.job)),
            lines,
        }
    };
    LogPartial { chunks: pieces.iter().map(chunk).collect() }
}
