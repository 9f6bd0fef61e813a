//! Attempts.

use axum::extract::{Path, State};
use axum::response::Html;
use containrlab_domain::job::JobKind;
use containrlab_domain::session::Phase;
use containrlab_store::{AttemptRow, AttemptState};
use containrlab_web_templates::{AttemptPage, AttemptsPage, LogChunk, LogPartial, Nav};

use super::{page as html, shell};
use crate::Error;
use crate::extract::{Asker, SignedIn};
use crate::services::{live_log, reads, submit};
use crate::state::App;
use crate::view::{self, LogLines};

/// `GET /attempts`.
pub(super) async fn list(State(app): State<App>, SignedIn(learner): SignedIn) -> Result<Html<String>, Error> {
    let attempts = app.store.attempts_of(learner.learner_id, None, None).await?;
    html(&AttemptsPage {
        shell: shell("Attempts", &learner, Nav::Attempts),
        attempts: view::attempt_rows(&app, &attempts),
    })
}

/// `GET /attempts/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    SignedIn(learner): SignedIn,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Html<String>, Error> {
    let id = id.parse().map_err(|_| Error::NoSuchAttempt)?;
    let attempt = submit::find(&app, &asker, id).await?;
    let previous = app.store.previous_attempt(&attempt).await?;
    let session = app.store.session(attempt.session_id).await?;
    let live_session = session.filter(|session| session.phase != Phase::Ended);
    let lab = app.labs.get(&attempt.lab.slug).map(|loaded| &loaded.lab);
    let judgements = app.store.judgements_of(attempt.attempt_id).await?;
    let rows = view::attempt_rows(&app, std::slice::from_ref(&attempt));
    html(&AttemptPage {
        shell: shell(
            format!("Attempt {} · {}", attempt.number, reads::lab_title(&app, &attempt.lab.slug)),
            &learner,
            Nav::Attempts,
        ),
        attempt: rows.into_iter().next().unwrap_or_default(),
        verdict: view::verdict(&attempt, previous.as_ref(), &judgements, lab),
        earlier: view::earlier_verdicts(&attempt, &judgements),
        basis: attempt.basis.as_ref().map(view::basis_words),
        log: judge_log(&app, &attempt).await?,
        previous: previous.map(|previous| previous.attempt_id.to_string()),
        live_session: live_session.map(|session| session.session_id.to_string()),
    })
}

async fn judge_log(app: &App, attempt: &AttemptRow) -> Result<LogPartial, Error> {
    let over = attempt.state == AttemptState::Judged;
    let part = live_log::read(app, attempt.log_id, 0, over).await?;
    let lines = LogLines::cut(&part.bytes, 0, part.complete).lines;
    if lines.is_empty() {
        return Ok(LogPartial::default());
    }
    Ok(LogPartial::of(LogChunk { job_id: JobKind::Judge.as_str().to_owned(), heading: None, lines }))
}
