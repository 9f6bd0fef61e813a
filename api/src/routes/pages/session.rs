//! The session page and its live stream.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, Response};
use containrlab_web_templates::{LogPartial, Nav, SessionPage, TrustedHtml};
use serde::Deserialize;

use super::{page as html, shell};
use crate::extract::{OwnSession, QueryParams, SignedIn};
use crate::live::{self, Cut, LogCursor, LogTail, Snapshot, TimelineTail};
use crate::services::reads;
use crate::state::App;
use crate::{Error, markdown, view};

/// `GET /sessions/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    SignedIn(learner): SignedIn,
    OwnSession(session): OwnSession,
) -> Result<Html<String>, Error> {
    let snapshot = Snapshot::read(&app, session.session_id).await?;
    let mut timeline = TimelineTail::new(&app, &session, 0);
    timeline.step(&app).await?;
    let (log, live_cursor) = log_so_far(&app, &snapshot).await?;
    let lab = app.labs.get(&session.lab.slug).map(|loaded| &loaded.lab);
    let title = reads::lab_title(&app, &session.lab.slug);
    let key = view::fresh_key();
    html(&SessionPage {
        shell: shell(&title, &learner, Nav::Labs),
        session_id: session.session_id.to_string(),
        lab_slug: session.lab.slug.to_string(),
        lab_title: title,
        text: lab.map_or_else(TrustedHtml::default, |lab| markdown::render(&lab.description)),
        steps: lab.map(view::lab_steps).unwrap_or_default(),
        status: snapshot.status(&key),
        files: snapshot.files(),
        jobs: snapshot.jobs(&key),
        log,
        verdict: snapshot.verdict(&app, &key),
        hints: snapshot.hints(&app, &key),
        // Whoever has the page hears of them in a moment; the page itself need not wait for the runner.
        ports: view::ports(&app, &session, &[]),
        timeline: timeline.partial(),
        live_cursor,
        file_limit: app.settings.workspace_limits.file_bytes,
    })
}

/// The beginning of the latest job's log, and the cursor after it; the rest follows as events.
async fn log_so_far(app: &App, snapshot: &Snapshot) -> Result<(LogPartial, String), Error> {
    let mut logs = LogTail::new(Cut::Lines, LogCursor::default());
    let (pieces, _) = logs.step(app, &snapshot.jobs).await?;
    Ok((live::log_partial(&pieces), logs.cursor().to_string()))
}

#[derive(Deserialize)]
pub(super) struct LiveQuery {
    #[serde(default)]
    after: String,
}

/// `GET /sessions/{id}/live`.
pub(super) async fn live(
    State(app): State<App>,
    OwnSession(session): OwnSession,
    QueryParams(query): QueryParams<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let cursor = last.unwrap_or(&query.after).parse().unwrap_or_default();
    live::page_stream(app, &session, cursor).await
}
