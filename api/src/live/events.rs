//! A session's events for programs: server-sent events whose data is JSON.
//!
//! | event | data | `id:` |
//! |---|---|---|
//! | an event type of the ledger, such as `SandboxReady` | an entry of the timeline | its position |
//! | `session` | the session as it is now; sent when it differs from what was sent | none |
//! | `log` | `{job, kind, start, from, next, complete, text}`: a piece of a job's log | none |
//! | `end` | `{}`: the session has ended, every verdict is said, nothing follows | none |
//!
//! Whoever connects again with `Last-Event-ID` gets the events after it. Logs begin at the latest job's beginning on each
//! connection; `from` and `next` tell what was there before.

use axum::response::Response;
use axum::response::sse::Event;
use containrlab_domain::ids::SessionId;
use containrlab_store::SessionRow;
use jiff::Timestamp;
use serde_json::json;

use super::follow::{self, Next, Step};
use super::logs::LogPiece;
use super::{Cut, LogCursor, LogTail, Snapshot, TimelineTail};
use crate::Error;
use crate::narrate::Narrator;
use crate::state::App;
use crate::wire::{EntryJson, SessionJson};

/// Answers with the stream of a session's events after a position of the ledger.
pub(crate) async fn stream(app: App, row: &SessionRow, after: i64) -> Result<Response, Error> {
    let session = row.session_id;
    let follower = Follower {
        session,
        timeline: TimelineTail::new(&app, row, after),
        logs: LogTail::new(Cut::Letters, LogCursor::default()),
        narrator: Narrator::of(&app, row),
        sent: None,
        snapshot: None,
        app: app.clone(),
    };
    follow::answer(app, session, follower).await
}

/// One program's view of a session.
struct Follower {
    app: App,
    session: SessionId,
    timeline: TimelineTail,
    logs: LogTail,
    narrator: Narrator,
    /// The session as it was last sent, without the server's time.
    sent: Option<String>,
    snapshot: Option<Snapshot>,
}

impl follow::Follower for Follower {
    async fn step(&mut self) -> Result<Step, Error> {
        let mut events = Vec::new();
        let entries = self.timeline.step(&self.app).await?;
        for entry in &entries {
            let event = Event::default().event(&entry.event_type).id(entry.position.to_string());
            events.push(event.json_data(EntryJson::new(&mut self.narrator, entry)).map_err(Error::internal)?);
        }
        if !entries.is_empty() || self.snapshot.as_ref().is_none_or(Snapshot::waits) {
            let snapshot = Snapshot::read(&self.app, self.session).await?;
            let session = SessionJson::new(&snapshot.session, snapshot.line);
            let plain = serde_json::to_string(&SessionJson { now: Timestamp::UNIX_EPOCH, ..session.clone() })
                .map_err(Error::internal)?;
            if self.sent.as_ref() != Some(&plain) {
                self.sent = Some(plain);
                events.push(Event::default().event("session").json_data(session).map_err(Error::internal)?);
            }
            self.snapshot = Some(snapshot);
        }
        let Some(snapshot) = &self.snapshot else { return Ok(Step { events, next: Next::Later }) };
        let over = snapshot.is_over();
        let (pieces, more) = self.logs.step(&self.app, &snapshot.jobs).await?;
        for piece in &pieces {
            events.push(log_event(piece)?);
        }
        Ok(Step { events, next: Next::after(more, over) })
    }

    fn farewell(&self) -> Event {
        Event::default().event("end").data("{}")
    }
}

fn log_event(piece: &LogPiece) -> Result<Event, Error> {
    let data = json!({
        "job": piece.job.job_id,
        "kind": piece.job.kind.as_str(),
        "start": piece.job.starts,
        "from": piece.part.from,
        "next": piece.part.next(),
        "complete": piece.part.complete,
        "text": String::from_utf8_lossy(&piece.part.bytes),
    });
    Event::default().event("log").json_data(data).map_err(Error::internal)
}
