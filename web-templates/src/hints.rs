//! Hints: asked for one after the other, weakest first.

use askama::Template;
use jiff::Timestamp;

use crate::words;

/// The hints that were shown and those that can be asked for. SSE event `hints`; replaces the whole list. Of a hint that was not
/// asked for it holds nothing but that it is there.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/hints.html")]
pub struct HintsPartial {
    /// The session.
    pub session_id: String,
    /// The whole lab first, then the checks in their order.
    pub groups: Vec<HintGroup>,
    /// Whether hints can be asked for: not once the session is over.
    pub open: bool,
}

/// The hints about one thing.
#[derive(Clone, Debug, Default)]
pub struct HintGroup {
    /// Id of the check; empty for the whole lab.
    pub check: String,
    /// What the check asks for; of the whole lab empty.
    pub title: String,
    /// The hints that were shown, weakest first.
    pub shown: Vec<ShownHint>,
    /// How many the lab has about it.
    pub total: u32,
    /// Value of the form's `idempotency_key`.
    pub idempotency_key: String,
}

/// A hint that was shown.
#[derive(Clone, Debug, Default)]
pub struct ShownHint {
    /// How strong it is: 1 nudges, 2 explains, 3 shows.
    pub strength: u8,
    /// Its text, as rendered from the lab's Markdown.
    pub text: crate::TrustedHtml,
    /// When it was shown first.
    pub at: Timestamp,
}

impl HintGroup {
    fn heading(&self) -> &str {
        if self.check.is_empty() { "The whole lab" } else { &self.title }
    }

    fn has_more(&self) -> bool {
        self.shown.len() < self.total as usize
    }

    /// The number of the hint that comes next.
    fn next(&self) -> usize {
        self.shown.len() + 1
    }

    fn ask(&self) -> &'static str {
        if self.shown.is_empty() { "Give me a hint" } else { "A stronger hint" }
    }
}
