//! The live parts of a session's page; the protocol stands in `containrlab_web_templates::live`.

use std::collections::HashMap;

use axum::response::Response;
use axum::response::sse::Event;
use containrlab_domain::ids::SessionId;
use containrlab_domain::session::Phase;
use containrlab_store::SessionRow;
use containrlab_web_templates::live::event_data;
use containrlab_web_templates::{LogChunk, LogPartial, StatusPartial, Template};
use jiff::Timestamp;

use super::follow::{self, Next, Step};
use super::logs::LogPiece;
use super::{Cut, LogCursor, LogTail, PortsTail, Snapshot, TimelineTail};
use crate::Error;
use crate::state::App;
use crate::view::{self, LogLines};

/// Answers with the stream of a session's page.
pub(crate) async fn stream(app: App, row: &SessionRow, cursor: LogCursor) -> Result<Response, Error> {
    let session = row.session_id;
    let follower = Follower {
        session,
        timeline: TimelineTail::new(&app, row, 0),
        logs: LogTail::new(Cut::Lines, cursor),
        ports: PortsTail::new(&app, session),
        sent: HashMap::new(),
        snapshot: None,
        app: app.clone(),
    };
    follow::answer(app, session, follower).await
}

/// One page's view of a session.
struct Follower {
    app: App,
    session: SessionId,
    timeline: TimelineTail,
    logs: LogTail,
    ports: PortsTail,
    /// What was last sent of each replacing part, rendered without its forms' keys.
    sent: HashMap<&'static str, String>,
    snapshot: Option<Snapshot>,
}

impl follow::Follower for Follower {
    async fn step(&mut self) -> Result<Step, Error> {
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
        let Some(snapshot) = &self.snapshot else { return Ok(Step { events, next: Next::Later }) };
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
        Ok(Step { events, next: Next::after(more, over) })
    }

    async fn changed(&mut self) {
        self.ports.changed().await;
    }

    fn farewell(&self) -> Event {
        // Without data no browser would dispatch it.
        Event::default().event("close").data("ended")
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
