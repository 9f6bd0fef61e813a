//! Builds, runs and commands, and their logs.

use containrlab_store::{JobRow, JobRowState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::services::live_log::LogPart;

/// What to build.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildRequest {
    /// The image's name; the lab's name when it is left out.
    #[serde(default)]
    pub(crate) tag: Option<String>,
}

/// What to run.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRequest {
    /// The image; the lab's name when it is left out.
    #[serde(default)]
    pub(crate) image: Option<String>,
    /// Ports to publish; the one that the lab asks for when they are left out.
    #[serde(default)]
    pub(crate) ports: Option<Vec<PortJson>>,
}

/// A published port.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Port)]
pub(crate) struct PortJson {
    /// The port in the sandbox.
    pub(crate) sandbox: u16,
    /// The port in the container.
    pub(crate) container: u16,
}

/// A command.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecRequest {
    /// The program and its arguments; no shell in between.
    pub(crate) argv: Vec<String>,
    /// Seconds after which it is stopped, 1 to 600.
    #[serde(default = "default_timeout")]
    pub(crate) timeout_seconds: u64,
}

fn default_timeout() -> u64 {
    60
}

/// A build, run, command or judgement.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobJson {
    /// Id.
    pub(crate) id: Uuid,
    /// `build`, `run`, `exec`, `judge`, `provision` or `end`.
    pub(crate) kind: &'static str,
    /// `waiting`, `running` or `done`.
    pub(crate) state: &'static str,
    /// When it was asked for.
    pub(crate) requested_at: Timestamp,
    /// When it was started last.
    pub(crate) started_at: Option<Timestamp>,
    /// When it was over.
    pub(crate) finished_at: Option<Timestamp>,
    /// How often it was started.
    pub(crate) starts: u32,
    /// What it does.
    #[schema(value_type = Object)]
    pub(crate) work: serde_json::Value,
    /// How it came out: `result` is `exited` (with `code`, `milliseconds`), `timed_out` (with `seconds`) or `failed` (with
    /// `reason`, `detail`).
    #[schema(value_type = Object)]
    pub(crate) outcome: serde_json::Value,
    /// Whether it has a log by now.
    pub(crate) has_log: bool,
}

impl From<&JobRow> for JobJson {
    fn from(row: &JobRow) -> Self {
        Self {
            id: row.job_id.0,
            kind: row.kind.as_str(),
            state: match row.state {
                JobRowState::Owed | JobRowState::Queued => "waiting",
                JobRowState::Held => "running",
                JobRowState::Done => "done",
            },
            requested_at: row.requested_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            starts: row.starts,
            work: serde_json::to_value(&row.work).unwrap_or_default(),
            outcome: serde_json::to_value(&row.outcome).unwrap_or_default(),
            has_log: row.log_id.is_some(),
        }
    }
}

/// A session's jobs.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// Newest first.
    pub(crate) jobs: Vec<JobJson>,
}

/// From where on a log is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Bytes of the log to leave out: 0 or the `next` of the answer before.
    #[serde(default)]
    pub(crate) from: u64,
}

/// A part of a log.
#[derive(Serialize, ToSchema)]
#[schema(as = Log)]
pub(crate) struct LogJson {
    /// The position of its first byte.
    pub(crate) from: u64,
    /// The position after its last byte.
    pub(crate) next: u64,
    /// Whether nothing more will come.
    pub(crate) complete: bool,
    /// The text; bytes that are no UTF-8 are replaced, and a letter is never cut in two.
    pub(crate) text: String,
}

impl From<LogPart> for LogJson {
    fn from(part: LogPart) -> Self {
        let (from, complete) = (part.from, part.complete);
        let (text, next) = part.into_text();
        Self { from, next, complete, text }
    }
}
