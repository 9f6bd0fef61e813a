//! All that a session's page shows, as it is at one moment.

use containrlab_domain::ids::SessionId;
use containrlab_domain::lab::Lab;
use containrlab_domain::session::Phase;
use containrlab_domain::workspace::Tree;
use containrlab_store::{
    AttemptRow, AttemptState, JobRow, JobRowState, JudgementRow, Line, SessionRow, ShownHint,
};
use containrlab_web_templates::{FilesPartial, HintsPartial, JobsPartial, StatusPartial, VerdictPartial};

use crate::Error;
use crate::services::hints::{self, HintGroup};
use crate::services::{files, reads, solution};
use crate::state::App;
use crate::view;

/// A session with everything around it.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The session.
    pub(crate) session: SessionRow,
    /// How it stands in line.
    pub(crate) line: Option<Line>,
    /// Its files.
    pub(crate) tree: Tree,
    /// Its jobs, oldest first.
    pub(crate) jobs: Vec<JobRow>,
    /// The learner's attempts in its lab, newest first.
    attempts: Vec<AttemptRow>,
    /// All judgements of its newest attempt, if that was judged again.
    judgements: Vec<JudgementRow>,
    /// The hints that it has shown.
    hints: Vec<ShownHint>,
    /// Whether a new session can go on from this one: it has ended, and no other is active in its lab.
    resumable: bool,
}

impl Snapshot {
    /// Reads a session.
    pub(crate) async fn read(app: &App, id: SessionId) -> Result<Self, Error> {
        let session = app.store.session(id).await?.ok_or(Error::NoSuchSession)?;
        let (learner, slug) = (session.learner_id, &session.lab.slug);
        let resumable =
            session.phase == Phase::Ended && app.store.active_session(learner, slug).await?.is_none();
        let attempts = app.store.attempts_of(learner, Some(slug), None).await?;
        let newest = attempts.iter().find(|attempt| attempt.session_id == id);
        let judgements = match newest.filter(|attempt| attempt.rejudged_at.is_some()) {
            Some(attempt) => app.store.judgements_of(attempt.attempt_id).await?,
            None => Vec::new(),
        };
        Ok(Self {
            line: reads::line(app, &session).await?,
            tree: files::tree(app, &session).await?.0,
            jobs: app.store.jobs_of(id).await?,
            attempts,
            judgements,
            hints: app.store.hints_shown(id).await?,
            resumable,
            session,
        })
    }

    /// Whether something may change without an event of this session: others in line before it leave.
    pub(crate) fn waits(&self) -> bool {
        self.session.phase == Phase::Starting
    }

    /// Whether nothing will happen any more: it has ended and every verdict is said.
    pub(crate) fn is_over(&self) -> bool {
        self.session.phase == Phase::Ended
            && self.jobs.iter().all(|job| job.state == JobRowState::Done)
            && self.own_attempts().all(|attempt| attempt.state == AttemptState::Judged)
    }

    /// Attempts of this very session, newest first.
    fn own_attempts(&self) -> impl Iterator<Item = &AttemptRow> {
        self.attempts.iter().filter(|attempt| attempt.session_id == self.session.session_id)
    }

    /// State and clock.
    pub(crate) fn status(&self, key: &str) -> StatusPartial {
        view::status(&self.session, self.line, self.resumable, key)
    }

    /// The file tree.
    pub(crate) fn files(&self) -> FilesPartial {
        view::files(&self.tree)
    }

    /// Build, Run, Submit and the latest jobs.
    pub(crate) fn jobs(&self, key: &str) -> JobsPartial {
        let newest_first: Vec<JobRow> = self.jobs.iter().rev().cloned().collect();
        view::jobs(&self.session, &newest_first, &self.attempts, key)
    }

    /// Hints, shown and to come.
    pub(crate) fn hints(&self, app: &App, key: &str) -> HintsPartial {
        let lab = app.labs.get(&self.session.lab.slug).map(|loaded| &loaded.lab);
        let groups = lab.map(|lab| self.hint_groups(lab)).unwrap_or_default();
        view::hints(&self.session, &groups, key)
    }

    /// The hints of its lab, as far as they concern it.
    pub(crate) fn hint_groups<'a>(&'a self, lab: &'a Lab) -> Vec<HintGroup<'a>> {
        let verdict = self.own_attempts().find_map(|attempt| attempt.verdict.as_ref());
        hints::groups(lab, &self.hints, verdict)
    }

    /// Verdict and attempts.
    pub(crate) fn verdict(&self, app: &App, key: &str) -> VerdictPartial {
        let newest = self.own_attempts().next();
        let previous = newest.and_then(|newest| {
            self.attempts
                .iter()
                .filter(|attempt| attempt.number < newest.number)
                .max_by_key(|attempt| attempt.number)
        });
        VerdictPartial {
            current: view::current(
                newest,
                previous,
                &self.judgements,
                app.labs.get(&self.session.lab.slug).map(|loaded| &loaded.lab),
            ),
            attempts: view::attempt_rows(app, &self.attempts),
            lab_slug: self.session.lab.slug.to_string(),
            solution: view::solution_standing(solution::standing(&self.attempts)),
            solution_key: format!("{key}-solution"),
        }
    }
}
