//! The session page, its live stream and its buttons.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, Response};
use containrlab_domain::session::Work;
use containrlab_web_templates::{LogPartial, Nav, SessionPage, TrustedHtml};
use serde::Deserialize;

use super::{done, page as html, shell};
use crate::extract::{Asker, FormBody, IdempotencyKey, OwnSession, QueryParams, SignedIn};
use crate::live::{self, Cut, LogCursor, LogTail, Snapshot, TimelineTail};
use crate::services::{hints, jobs, lifecycle, reads, submit as submission};
use crate::state::App;
use crate::{Error, markdown, view};

/// `GET /sessions/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    SignedIn(learner): SignedIn,
    OwnSession(session): OwnSession,
) -> Result<Html<String>, Error> {
    let snapshot = Snapshot::read(&app, session.session_id).await?;
    let mut timeline = TimelineTail::new(session.session_id, 0);
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
    live::page_stream(app, session.session_id, cursor).await
}

#[derive(Deserialize)]
pub(super) struct ActionForm {
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// `POST /sessions/{id}/build`.
pub(super) async fn build(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
    FormBody(form): FormBody<ActionForm>,
) -> Result<Response, Error> {
    let work = jobs::build_of(&session, None);
    act(&app, &asker, &session, work, form, &headers).await
}

/// `POST /sessions/{id}/run`.
pub(super) async fn run(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
    FormBody(form): FormBody<ActionForm>,
) -> Result<Response, Error> {
    let work = jobs::run_of(&app, &session, None, None);
    act(&app, &asker, &session, work, form, &headers).await
}

async fn act(
    app: &App,
    asker: &Asker,
    session: &containrlab_store::SessionRow,
    work: Work,
    form: ActionForm,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let key = IdempotencyKey::of_field(form.idempotency_key)?;
    jobs::request(app, asker, session, work, &key).await?;
    done(headers, &format!("/sessions/{}", session.session_id))
}

/// `POST /sessions/{id}/submit`.
pub(super) async fn submit(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
    FormBody(form): FormBody<ActionForm>,
) -> Result<Response, Error> {
    let key = IdempotencyKey::of_field(form.idempotency_key)?;
    submission::submit(&app, &asker, &session, &key).await?;
    done(&headers, &format!("/sessions/{}", session.session_id))
}

#[derive(Deserialize)]
pub(super) struct HintForm {
    /// The check; empty for the whole lab.
    #[serde(default)]
    check: String,
    number: u32,
}

/// `POST /sessions/{id}/hints`.
pub(super) async fn hint(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
    FormBody(form): FormBody<HintForm>,
) -> Result<Response, Error> {
    let check = Some(form.check.as_str()).filter(|check| !check.is_empty());
    let lab = hints::lab_of(&app, &session)?;
    hints::show(&app, &asker, &session, lab, check, Some(form.number)).await?;
    done(&headers, &format!("/sessions/{}", session.session_id))
}

/// `POST /sessions/{id}/extend`.
pub(super) async fn extend(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
    FormBody(form): FormBody<ActionForm>,
) -> Result<Response, Error> {
    let key = IdempotencyKey::of_field(form.idempotency_key)?;
    lifecycle::extend(&app, &asker, &session, &key).await?;
    done(&headers, &format!("/sessions/{}", session.session_id))
}

/// `POST /sessions/{id}/end`.
pub(super) async fn end(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
) -> Result<Response, Error> {
    lifecycle::end(&app, &asker, &session).await?;
    done(&headers, &format!("/sessions/{}", session.session_id))
}
