//! Build, Run and Submit, and the jobs they started.

use askama::Template;

use crate::words;

/// The action bar and the latest jobs. SSE event `jobs`; replaces both.
///
/// Each form posts `idempotency_key` to `/sessions/{id}/build`, `/run` or `/submit`. With the header `HX-Request:
/// true` the api answers 204 on success (what changed follows as events) and `application/problem+json` on failure
/// (shown as a toast); without it, a redirect to the session or the error page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/jobs.html")]
pub struct JobsPartial {
    /// The session.
    pub session_id: String,
    /// The Build button.
    pub build: Action,
    /// The Run button.
    pub run: Action,
    /// The Submit button.
    pub submit: Action,
    /// The latest jobs, newest first; the page shows the first five.
    pub jobs: Vec<JobRow>,
}

impl JobsPartial {
    fn actions(&self) -> [(&'static str, &'static str, &Action); 3] {
        [("build", "Build", &self.build), ("run", "Run", &self.run), ("submit", "Submit", &self.submit)]
    }

    fn latest(&self) -> impl Iterator<Item = &JobRow> {
        self.jobs.iter().take(5)
    }
}

/// A button of the action bar.
#[derive(Clone, Debug, Default)]
pub struct Action {
    /// A fresh random id for each rendering, so that a double click counts once.
    pub idempotency_key: String,
    /// Whether such a job waits or runs now: the button shows it and does nothing.
    pub busy: bool,
    /// Why it can't be used now ("The sandbox is not ready yet."); `None` enables it.
    pub blocked: Option<String>,
}

impl Action {
    fn disabled(&self) -> bool {
        self.busy || self.blocked.is_some()
    }

    fn reason(&self) -> &str {
        self.blocked.as_deref().unwrap_or("")
    }
}

/// A job in the list.
#[derive(Clone, Debug, Default)]
pub struct JobRow {
    /// The job's id.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// A few words on how it stands or came out: "place 2 in line", "128 MB", "exit code 1".
    pub detail: String,
    /// How long it ran, in milliseconds; `None` until it is done.
    pub millis: Option<u64>,
}

/// Kinds of job that a learner sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobKind {
    /// Builds the image.
    #[default]
    Build,
    /// Runs it.
    Run,
    /// Runs a command in the sandbox.
    Exec,
    /// Judges a submission.
    Judge,
}

impl JobKind {
    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Build => "Build",
            Self::Run => "Run",
            Self::Exec => "Command",
            Self::Judge => "Judge",
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// Waits for its turn.
    #[default]
    Waiting,
    /// Runs.
    Running,
    /// Did what it should.
    Succeeded,
    /// Ran and failed (a build error, an exit code that is not 0).
    Failed,
    /// Was given up, or stopped because the session ended.
    Stopped,
}

impl JobState {
    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "in line",
            Self::Running => "running",
            Self::Succeeded => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "passed",
            Self::Failed => "failed",
            Self::Stopped => "unsure",
        }
    }
}
