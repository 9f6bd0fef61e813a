//! Signing in and out. One way so far: a name alone, on a machine that serves nobody else ([`local`]). Other ways end as
//! this one does: a learner of a provider, and a login whose token is in the cookie.

pub(crate) mod cookie;
pub(crate) mod local;

use axum::http::HeaderMap;
use containrlab_web_templates::Viewer;

use crate::state::App;

/// Who is signed in, for the frame of a page that does not need it: nobody, when the database does not answer.
pub(crate) async fn viewer_of(app: &App, headers: &HeaderMap) -> Option<Viewer> {
    let token = cookie::read(&app.settings, headers)?;
    let learner = app.store.login(&token).await.ok()??;
    Some(Viewer { name: learner.name })
}
