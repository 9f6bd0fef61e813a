//! The local sign-in: a name alone. The same name, however it is written, is the same learner.

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{LearnerId, RequestId};
use containrlab_domain::learner::{Learner, LearnerCommand, Provider};
use containrlab_store::{CommandError, LearnerRow};
use uuid::Uuid;

use crate::Error;
use crate::settings::LOGIN_TTL;
use crate::state::App;

/// Signs somebody in by name, registering them the first time. Gives the learner and the new login's token.
pub(crate) async fn sign_in(
    app: &App,
    name: &str,
    request: RequestId,
) -> Result<(LearnerRow, String), Error> {
    if !app.settings.local_sign_in {
        return Err(Error::LocalSignInOff);
    }
    let learner = find_or_register(app, name.trim(), request).await?;
    let token = app.store.create_login(learner.learner_id, LOGIN_TTL).await?;
    tracing::info!(learner = %learner.learner_id, "signed in");
    Ok((learner, token))
}

async fn find_or_register(app: &App, name: &str, request: RequestId) -> Result<LearnerRow, Error> {
    let subject = name.to_lowercase();
    let found = || app.store.learner_by_subject(Provider::Local, &subject);
    // The aggregate refuses names that no page could show; such a name is never looked up.
    if !subject.contains('\0')
        && let Some(learner) = found().await?
    {
        return Ok(learner);
    }
    let id = LearnerId(Uuid::now_v7());
    let register = LearnerCommand::Register {
        learner: id,
        provider: Provider::Local,
        subject: subject.clone(),
        name: name.to_owned(),
    };
    let by = Provenance { actor: Actor::Learner(id), request };
    match app.store.execute::<Learner>(id.0, register, &by).await {
        // Somebody registered the same name in the same instant: that is the learner.
        Ok(_) | Err(CommandError::Duplicate(_)) => {}
        Err(error) => return Err(error.into()),
    }
    found().await?.ok_or_else(|| Error::internal("a learner is gone right after the registration"))
}
