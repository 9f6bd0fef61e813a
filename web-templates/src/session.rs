//! The session page: the heart of it all.

use askama::Template;

use crate::{
    FilesPartial, HintsPartial, JobsPartial, LabStep, LogPartial, PortsPartial, Shell, Stage, StatusPartial,
    TimelinePartial, TrustedHtml, VerdictPartial,
};

/// `/sessions/{id}`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/session.html")]
pub struct SessionPage {
    /// The frame.
    pub shell: Shell,
    /// The session.
    pub session_id: String,
    /// The lab's name in URLs.
    pub lab_slug: String,
    /// The lab's title.
    pub lab_title: String,
    /// The lab's introduction.
    pub text: TrustedHtml,
    /// The lab's steps.
    pub steps: Vec<LabStep>,
    /// State and clock.
    pub status: StatusPartial,
    /// The file tree.
    pub files: FilesPartial,
    /// Build, Run, Submit.
    pub jobs: JobsPartial,
    /// The log so far (of the latest job, or empty).
    pub log: LogPartial,
    /// Verdict and attempts.
    pub verdict: VerdictPartial,
    /// Hints, shown and to come.
    pub hints: HintsPartial,
    /// Open ports, as far as they are known.
    pub ports: PortsPartial,
    /// What happened.
    pub timeline: TimelinePartial,
    /// The log cursor that [`SessionPage::log`] ends at, in the form of the `id:` of `log` events: the page connects to
    /// `/sessions/{id}/live?after={live_cursor}`, so nothing between rendering and connecting is lost. May be empty.
    pub live_cursor: String,
    /// The largest file that the editor may save, in bytes.
    pub file_limit: u64,
}

impl SessionPage {
    /// On a phone only one panel shows: while there is something to tell of the start or the end, the one that tells it.
    fn first_panel(&self) -> &'static str {
        if self.status.stage == Stage::Ready { "text" } else { "terminal" }
    }
}
