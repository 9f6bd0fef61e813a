//! Reads that pages and the JSON API share.

use std::collections::HashMap;

use containrlab_domain::ids::{LabSlug, LearnerId};
use containrlab_domain::session::Phase;
use containrlab_store::{LabState, SessionRow};

use crate::Error;
use crate::state::App;

/// How far a learner is in each lab that they ever opened.
pub(crate) async fn lab_states(app: &App, learner: LearnerId) -> Result<HashMap<LabSlug, LabState>, Error> {
    let states = app.store.lab_states(learner).await?;
    Ok(states.into_iter().map(|state| (state.slug.clone(), state)).collect())
}

/// A session's place in line, while it has one.
pub(crate) async fn place_in_line(app: &App, session: &SessionRow) -> Result<Option<u32>, Error> {
    match session.phase {
        Phase::Starting => Ok(app.store.place_in_line(session.session_id).await?),
        _ => Ok(None),
    }
}

/// The title of a lab; its name when it is no longer there.
pub(crate) fn lab_title(app: &App, slug: &LabSlug) -> String {
    app.labs.get(slug).map_or_else(|| slug.to_string(), |loaded| loaded.lab.title.clone())
}
