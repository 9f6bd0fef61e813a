//! A session that belongs to the one who asks. Somebody else's is as good as none: the answer does not tell them apart.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use containrlab_domain::ids::SessionId;
use containrlab_store::SessionRow;

use super::{Asker, PathParam};
use crate::Error;
use crate::services::access;
use crate::state::App;

/// The session of the address's `{id}`.
pub(crate) struct OwnSession(pub(crate) SessionRow);

impl FromRequestParts<App> for OwnSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let asker = Asker::from_request_parts(parts, app).await?;
        let id = PathParam::read::<SessionId>(parts, "id").await.ok_or(Error::NoSuchSession)?;
        own_session(app, &asker, id).await.map(Self)
    }
}

/// The session with this id, if the asker may look at what its containers serve.
pub(crate) async fn watchable_session(app: &App, asker: &Asker, id: SessionId) -> Result<SessionRow, Error> {
    let session = app.store.session(id).await?.ok_or(Error::NoSuchSession)?;
    if !access::may_look_into(asker.learner, &session) {
        return Err(Error::NoSuchSession);
    }
    tracing::Span::current().record("session", tracing::field::display(id));
    Ok(session)
}

/// The session with this id, if it is the asker's.
pub(crate) async fn own_session(app: &App, asker: &Asker, id: SessionId) -> Result<SessionRow, Error> {
    let session = app.store.session(id).await?.ok_or(Error::NoSuchSession)?;
    if session.learner_id != asker.learner {
        return Err(Error::NoSuchSession);
    }
    tracing::Span::current().record("session", tracing::field::display(id));
    Ok(session)
}
