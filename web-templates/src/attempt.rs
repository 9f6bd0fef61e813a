//! One attempt's own page.

use askama::Template;
use jiff::Timestamp;

use crate::attempts::{AttemptRow, AttemptState};
use crate::{LogPartial, Shell, Verdict, words};

/// `/attempts/{id}`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/attempt.html")]
pub struct AttemptPage {
    /// The frame.
    pub shell: Shell,
    /// What the list says of it.
    pub attempt: AttemptRow,
    /// What the judge said; `None` while it waits or is being judged.
    pub verdict: Option<Verdict>,
    /// What the judge said before, newest first.
    pub earlier: Vec<EarlierVerdict>,
    /// In a line, what the verdict rests on.
    pub basis: Option<String>,
    /// The judge's log.
    pub log: LogPartial,
    /// Id of this person's attempt before in the same lab, if there is one: the figures' changes are against it.
    pub previous: Option<String>,
    /// The session it was made in, if that is still live.
    pub live_session: Option<String>,
}

/// A verdict that a newer one stands before.
#[derive(Clone, Debug)]
pub struct EarlierVerdict {
    /// When it was said.
    pub judged_at: Timestamp,
    /// What it said, in a sentence or two.
    pub sentence: String,
    /// The codes of its findings.
    pub codes: Vec<String>,
}

impl AttemptPage {
    /// No editor here: a finding's place is text, not a link.
    fn in_session(&self) -> bool {
        false
    }

    fn checks_open(&self) -> bool {
        true
    }

    fn is_pending(&self) -> bool {
        matches!(self.attempt.state, AttemptState::Waiting | AttemptState::Judging)
    }
}
