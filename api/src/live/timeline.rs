//! The timeline as it grows.

use std::collections::VecDeque;

use containrlab_domain::ids::SessionId;
use containrlab_store::{SessionRow, TimelineEntry};
use containrlab_web_templates::{TimelinePartial, TimelineRow};

use crate::Error;
use crate::narrate::Narrator;
use crate::state::App;
use crate::view::timeline_row;

/// Rows that a page shows.
const SHOWN: usize = 50;

/// Events that are read at once.
const PORTION: usize = 500;

/// Follows a session's timeline and keeps its newest rows.
#[derive(Debug)]
pub(crate) struct TimelineTail {
    session: SessionId,
    /// Position of the last event read.
    after: i64,
    narrator: Narrator,
    /// Oldest first.
    rows: VecDeque<TimelineRow>,
}

impl TimelineTail {
    /// Begins after a position; 0 is the beginning.
    pub(crate) fn new(app: &App, session: &SessionRow, after: i64) -> Self {
        let narrator = Narrator::of(app, session);
        Self { session: session.session_id, after, narrator, rows: VecDeque::with_capacity(SHOWN) }
    }

    /// All events since the last call.
    pub(crate) async fn step(&mut self, app: &App) -> Result<Vec<TimelineEntry>, Error> {
        let mut all = Vec::new();
        loop {
            let entries = app.store.timeline(self.session, self.after, PORTION).await?;
            let full = entries.len() == PORTION;
            if let Some(last) = entries.last() {
                self.after = last.position;
            }
            for entry in &entries {
                if let Some(row) = timeline_row(&mut self.narrator, entry) {
                    if self.rows.len() == SHOWN {
                        self.rows.pop_front();
                    }
                    self.rows.push_back(row);
                }
            }
            all.extend(entries);
            if !full {
                return Ok(all);
            }
        }
    }

    /// The newest rows, newest first.
    pub(crate) fn partial(&self) -> TimelinePartial {
        TimelinePartial { rows: self.rows.iter().rev().cloned().collect() }
    }
}
