//! Submitting: the workspace is frozen as it is now, and a verdict is owed.

use containrlab_domain::attempt::{Attempt, AttemptCommand, AttemptError};
use containrlab_domain::ids::{AttemptId, JobId, SessionId, WorkspaceId};
use containrlab_store::{AttemptRow, AttemptState, CommandError, SessionRow};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::extract::{Asker, IdempotencyKey};
use crate::services::runner;
use crate::state::App;

/// Hands in the files of a session as they are now.
pub(crate) async fn submit(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    key: &IdempotencyKey,
) -> Result<AttemptRow, Error> {
    let id = AttemptId(key.id_for(asker.learner, &format!("submit {}", session.session_id)));
    if let Some(attempt) = app.store.attempt(id).await? {
        return Ok(attempt);
    }
    runner::must_be_ready(session)?;
    let attempts = app.store.attempts_of(asker.learner, None, Some(session.session_id)).await?;
    if let Some(open) = attempts.iter().find(|attempt| attempt.state != AttemptState::Judged) {
        return Err(Error::Judging { attempt: open.attempt_id });
    }
    runner::flush(app, session).await?;
    let workspace = app.store.workspace_tree(WorkspaceId::of(session.session_id)).await?;
    let (tree, _) = workspace.ok_or(Error::NoSuchSession)?;
    let command = AttemptCommand::Submit {
        attempt: id,
        session: session.session_id,
        learner: asker.learner,
        lab: session.lab.clone(),
        tree: app.store.put_tree(&tree).await?,
        judge_job: nth_judge_job(session.session_id, attempts.len()),
        looks_at_session: app.labs.get(&session.lab.slug).is_some_and(|lab| lab.lab.looks_at_session()),
    };
    match app.store.execute::<Attempt>(id.0, command, &asker.provenance()).await {
        Ok(_) | Err(CommandError::Refused(AttemptError::AlreadySubmitted)) => {}
        Err(CommandError::Duplicate(_)) => {
            let attempts = app.store.attempts_of(asker.learner, None, Some(session.session_id)).await?;
            let first = attempts.first().ok_or(Error::Conflict)?;
            return Err(Error::Judging { attempt: first.attempt_id });
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(attempt = %id, session = %session.session_id, "an attempt was submitted");
    app.store
        .attempt(id)
        .await?
        .ok_or_else(|| Error::internal("an attempt is gone right after its submission"))
}

/// The id of the job that judges a session's attempt after so many others. Two submissions in the same instant give their
/// jobs the same id, and the ledger takes only one of them.
fn nth_judge_job(session: SessionId, before: usize) -> JobId {
    let digest = Sha256::digest(format!("judge {session} {before}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    JobId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// An attempt of this learner.
pub(crate) async fn find(app: &App, asker: &Asker, id: AttemptId) -> Result<AttemptRow, Error> {
    let attempt = app.store.attempt(id).await?;
    attempt.filter(|attempt| attempt.learner_id == asker.learner).ok_or(Error::NoSuchAttempt)
}
