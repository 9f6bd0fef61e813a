//! Where a session stands: the header's state and clock, and the steps of its start or the words of its end.

use std::time::Duration;

use askama::Template;
use jiff::Timestamp;

use crate::words;

/// The session's state. SSE event `status`; replaces header and stage. Send it whenever the stage, the place in line or
/// the end time changes; the clock itself runs in the page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/status.html")]
pub struct StatusPartial {
    /// The session.
    pub session_id: String,
    /// The lab's name in URLs, for "start again".
    pub lab_slug: String,
    /// Where it stands.
    pub stage: Stage,
    /// What went wrong in the sandbox just now, and what to do about it.
    pub notice: Option<String>,
    /// When its time is up; `None` before the clock runs and after the end.
    pub expires_at: Option<Timestamp>,
    /// The server's time at rendering, so that a wrong clock of the browser does not matter.
    pub now: Timestamp,
    /// Whether it may be extended (shows the Extend button).
    pub can_extend: bool,
    /// Keys for the forms Extend, End and Start again: a fresh random id for each rendering.
    pub idempotency_key: String,
}

/// Where a session stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Asked for; nobody has taken it up yet.
    #[default]
    Requested,
    /// No room: waits in line.
    InLine {
        /// Its place, from 1.
        place: u32,
        /// How long that will take, as far as anybody can tell.
        wait: Option<Duration>,
    },
    /// A runner prepares its sandbox.
    Preparing {
        /// What happens now: "Starting your Docker engine"; empty shows only the step.
        detail: String,
    },
    /// Ready to work in.
    Ready,
    /// Asked to end; its files are being saved.
    Ending,
    /// Over.
    Ended {
        /// Why, as a code: `ended_by_learner`, `expired` …
        code: String,
        /// Why, in a sentence.
        sentence: String,
        /// Whether its workspace can be taken over into a new session.
        resumable: bool,
    },
}

/// One of the four steps of a start, as the page shows it.
pub(crate) struct StartStep {
    pub(crate) label: String,
    pub(crate) detail: String,
    pub(crate) class: &'static str,
}

impl StatusPartial {
    /// The word for scripts and styles: `requested`, `in-line`, `preparing`, `ready`, `ending`, `ended`.
    fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Requested => "requested",
            Stage::InLine { .. } => "in-line",
            Stage::Preparing { .. } => "preparing",
            Stage::Ready => "ready",
            Stage::Ending => "ending",
            Stage::Ended { .. } => "ended",
        }
    }

    /// What a screen reader is told when the stage changes.
    fn announcement(&self) -> String {
        match &self.stage {
            Stage::Requested => "Your session is requested.".to_owned(),
            Stage::InLine { place, .. } => format!("You are in line, place {place}."),
            Stage::Preparing { .. } => "Your sandbox is being prepared.".to_owned(),
            Stage::Ready => "Your sandbox is ready.".to_owned(),
            Stage::Ending => "The session is ending.".to_owned(),
            Stage::Ended { sentence, .. } => format!("The session has ended. {sentence}"),
        }
    }

    /// The pill in the header.
    fn label(&self) -> String {
        match &self.stage {
            Stage::Requested => "Starting".to_owned(),
            Stage::InLine { place, .. } => format!("In line · place {place}"),
            Stage::Preparing { .. } => "Preparing".to_owned(),
            Stage::Ready => "Ready".to_owned(),
            Stage::Ending => "Ending…".to_owned(),
            Stage::Ended { .. } => "Ended".to_owned(),
        }
    }

    fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Requested | Stage::InLine { .. } | Stage::Preparing { .. })
    }

    fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    fn is_ending(&self) -> bool {
        self.stage == Stage::Ending
    }

    fn can_end(&self) -> bool {
        self.is_starting() || self.is_ready()
    }

    fn ended(&self) -> Option<(&str, &str, bool)> {
        match &self.stage {
            Stage::Ended { code, sentence, resumable } => Some((code, sentence, *resumable)),
            _ => None,
        }
    }

    fn expires_millis(&self) -> String {
        self.expires_at.map_or_else(String::new, |at| at.as_millisecond().to_string())
    }

    /// The steps of a start, each done, current or to come.
    fn steps(&self) -> [StartStep; 4] {
        let (current, line_detail, preparing_detail) = match &self.stage {
            Stage::Requested => (0, String::new(), ""),
            Stage::InLine { place, wait } => (1, place_in_words(*place, *wait), ""),
            Stage::Preparing { detail } => (2, String::new(), detail.as_str()),
            _ => (3, String::new(), ""),
        };
        let step = |index: usize, label: &str, detail: String| StartStep {
            label: label.to_owned(),
            detail,
            class: match index.cmp(&current) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal => "now",
                std::cmp::Ordering::Greater => "later",
            },
        };
        [
            step(0, "Requested", "Your start is written down; nothing can lose it.".to_owned()),
            step(1, "In line", line_detail),
            step(2, "Preparing your sandbox", preparing_detail.to_owned()),
            step(3, "Ready", String::new()),
        ]
    }
}

fn place_in_words(place: u32, wait: Option<Duration>) -> String {
    let place = match place {
        0 | 1 => "You are next. It starts by itself as soon as there is room".to_owned(),
        _ => format!("You are number {place}. It starts by itself as soon as there is room"),
    };
    match wait.map(|wait| wait.as_secs()) {
        None => format!("{place}."),
        Some(..60) => format!("{place}, going by recent sessions within a minute."),
        Some(seconds) => {
            let minutes = words::count(seconds.div_ceil(60), "minute", "minutes");
            format!("{place}, going by recent sessions in about {minutes}.")
        }
    }
}
