//! The request's id, and who is behind it.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{LearnerId, RequestId};
use uuid::Uuid;

use super::SignedIn;
use crate::Error;
use crate::state::App;

/// Access to the id that the outermost middleware gave the request.
pub(crate) trait RequestIdExt {
    /// The id; a fresh one where the middleware does not stand around the caller.
    fn request_id(&self) -> RequestId;
}

impl RequestIdExt for Request {
    fn request_id(&self) -> RequestId {
        self.extensions().get().copied().unwrap_or_else(|| RequestId(Uuid::now_v7()))
    }
}

impl RequestIdExt for Parts {
    fn request_id(&self) -> RequestId {
        self.extensions.get().copied().unwrap_or_else(|| RequestId(Uuid::now_v7()))
    }
}

/// A signed-in learner who asks for something: who, and in which request.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// Who.
    pub(crate) learner: LearnerId,
    /// In which request.
    pub(crate) request: RequestId,
}

impl Asker {
    /// What goes beside each event that the request leads to.
    pub(crate) fn provenance(&self) -> Provenance {
        Provenance { actor: Actor::Learner(self.learner), request: self.request }
    }
}

impl FromRequestParts<App> for Asker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let SignedIn(learner) = SignedIn::from_request_parts(parts, app).await?;
        Ok(Self { learner: learner.learner_id, request: parts.request_id() })
    }
}
