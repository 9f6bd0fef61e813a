//! Ending a session, and giving it more time.

use containrlab_domain::ids::{JobId, RequestId};
use containrlab_domain::session::{EndReason, Session, SessionCommand, SessionError};
use containrlab_store::{CommandError, SessionRow};
use uuid::Uuid;

use crate::Error;
use crate::extract::{Asker, IdempotencyKey};
use crate::state::App;

/// Ends a session by its learner's wish. Ending what has ended is no error.
pub(crate) async fn end(app: &App, asker: &Asker, session: &SessionRow) -> Result<SessionRow, Error> {
    let command = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    match app.store.execute::<Session>(session.session_id.0, command, &asker.provenance()).await {
        Ok(_) | Err(CommandError::Refused(SessionError::Ended)) => {}
        Err(error) => return Err(error.into()),
    }
    again(app, session).await
}

/// Gives a session more time.
pub(crate) async fn extend(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    key: &IdempotencyKey,
) -> Result<SessionRow, Error> {
    let request = RequestId(key.id_for(asker.learner, &format!("extend {}", session.session_id)));
    let command = SessionCommand::Extend { request };
    app.store.execute::<Session>(session.session_id.0, command, &asker.provenance()).await?;
    again(app, session).await
}

/// The session as it is now.
async fn again(app: &App, session: &SessionRow) -> Result<SessionRow, Error> {
    app.store.session(session.session_id).await?.ok_or(Error::NoSuchSession)
}
