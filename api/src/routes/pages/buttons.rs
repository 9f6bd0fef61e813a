//! The buttons of a session's page.

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use containrlab_domain::session::Work;
use containrlab_store::SessionRow;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::done;
use crate::Error;
use crate::extract::{Asker, FormBody, IdempotencyKey, OwnSession};
use crate::services::{hints, jobs, lifecycle, submit as submission};
use crate::state::App;

/// A button that was pressed: by whom, in which session, and with which form.
pub(super) struct Button<F> {
    asker: Asker,
    session: SessionRow,
    form: F,
    headers: HeaderMap,
}

impl<F: DeserializeOwned> FromRequest<App> for Button<F> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let asker = Asker::from_request_parts(&mut parts, app).await?;
        let OwnSession(session) = OwnSession::from_request_parts(&mut parts, app).await?;
        let headers = parts.headers.clone();
        let FormBody(form) = FormBody::from_request(Request::from_parts(parts, body), app).await?;
        Ok(Self { asker, session, form, headers })
    }
}

impl<F> Button<F> {
    /// The answer once it has done what it is for.
    fn done(&self) -> Result<Response, Error> {
        back_to(&self.session, &self.headers)
    }
}

fn back_to(session: &SessionRow, headers: &HeaderMap) -> Result<Response, Error> {
    done(headers, &format!("/sessions/{}", session.session_id))
}

/// The form of a button that has nothing else to say.
#[derive(Deserialize)]
pub(super) struct Plain {
    #[serde(default)]
    idempotency_key: Option<String>,
}

impl Button<Plain> {
    fn key(&self) -> Result<IdempotencyKey, Error> {
        IdempotencyKey::of_field(self.form.idempotency_key.clone())
    }

    async fn request(&self, app: &App, work: Work) -> Result<Response, Error> {
        jobs::request(app, &self.asker, &self.session, work, &self.key()?).await?;
        self.done()
    }
}

/// `POST /sessions/{id}/build`.
pub(super) async fn build(State(app): State<App>, button: Button<Plain>) -> Result<Response, Error> {
    button.request(&app, jobs::build_of(&button.session, None)).await
}

/// `POST /sessions/{id}/run`.
pub(super) async fn run(State(app): State<App>, button: Button<Plain>) -> Result<Response, Error> {
    button.request(&app, jobs::run_of(&app, &button.session, None, None)).await
}

/// `POST /sessions/{id}/submit`.
pub(super) async fn submit(State(app): State<App>, button: Button<Plain>) -> Result<Response, Error> {
    submission::submit(&app, &button.asker, &button.session, &button.key()?).await?;
    button.done()
}

/// `POST /sessions/{id}/extend`.
pub(super) async fn extend(State(app): State<App>, button: Button<Plain>) -> Result<Response, Error> {
    lifecycle::extend(&app, &button.asker, &button.session, &button.key()?).await?;
    button.done()
}

/// `POST /sessions/{id}/end`. It has one effect however often it is pressed, so its form says nothing.
pub(super) async fn end(
    State(app): State<App>,
    asker: Asker,
    OwnSession(session): OwnSession,
    headers: HeaderMap,
) -> Result<Response, Error> {
    lifecycle::end(&app, &asker, &session).await?;
    back_to(&session, &headers)
}

/// Which hint is asked for.
#[derive(Deserialize)]
pub(super) struct Hint {
    /// The check; empty for the whole lab.
    #[serde(default)]
    check: String,
    number: u32,
}

/// `POST /sessions/{id}/hints`.
pub(super) async fn hint(State(app): State<App>, button: Button<Hint>) -> Result<Response, Error> {
    let Hint { check, number } = &button.form;
    let check = Some(check.as_str()).filter(|check| !check.is_empty());
    let lab = hints::lab_of(&app, &button.session)?;
    hints::show(&app, &button.asker, &button.session, lab, check, Some(*number)).await?;
    button.done()
}
