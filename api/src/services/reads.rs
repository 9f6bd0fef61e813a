//! Reads that pages and the JSON API share.

use std::collections::HashMap;

use containrlab_domain::ids::{LabSlug, LearnerId};
use containrlab_domain::session::Phase;
use containrlab_store::{LabState, Line, SessionRow};

use crate::Error;
use crate::state::App;

/// How far a learner is in each lab that they ever opened.
pub(crate) async fn lab_states(app: &App, learner: LearnerId) -> Result<HashMap<LabSlug, LabState>, Error> {
    let states = app.store.lab_states(learner).await?;
    Ok(states.into_iter().map(|state| (state.slug.clone(), state)).collect())
}

/// How a session stands in line, while it waits for somebody else to leave.
pub(crate) async fn line(app: &App, session: &SessionRow) -> Result<Option<Line>, Error> {
    match session.phase {
        // The job may wait for a moment although there is room: that is no line.
        Phase::Starting => Ok(app.store.line(session.session_id).await?.filter(Line::waits)),
        _ => Ok(None),
    }
}

/// The title of a lab; its name when it is no longer there.
pub(crate) fn lab_title(app: &App, slug: &LabSlug) -> String {
    app.labs.get(slug).map_or_else(|| slug.to_string(), |loaded| loaded.lab.title.clone())
}
