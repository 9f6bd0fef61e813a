//! The signed-in learner.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use containrlab_store::LearnerRow;

use crate::Error;
use crate::auth::cookie;
use crate::state::App;

/// The signed-in learner; nobody signed in is [`Error::NotSignedIn`].
#[derive(Clone, Debug)]
pub(crate) struct SignedIn(pub(crate) LearnerRow);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        // Several extractors of one handler ask for the learner; the database is asked once.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let token = cookie::read(&app.settings, &parts.headers).ok_or(Error::NotSignedIn)?;
        let learner = app.store.login(&token).await?.ok_or(Error::NotSignedIn)?;
        tracing::Span::current().record("learner", tracing::field::display(learner.learner_id));
        let signed_in = Self(learner);
        parts.extensions.insert(signed_in.clone());
        Ok(signed_in)
    }
}
