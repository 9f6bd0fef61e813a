//! Starting a lab: the workspace first, then the session, so that no session ever lacks its files. A workspace whose
//! session is then refused is inert.

use containrlab_domain::ids::{JobId, LabRef, LabSlug, LearnerId, SessionId, WorkspaceId};
use containrlab_domain::session::{Origin, Phase, Session, SessionCommand, SessionError};
use containrlab_domain::workspace::{Tree, Workspace, WorkspaceCommand, WorkspaceError};
use containrlab_store::labs::LoadedLab;
use containrlab_store::{CommandError, DuplicateOf, SessionRow};
use uuid::Uuid;

use crate::Error;
use crate::extract::{Asker, IdempotencyKey};
use crate::state::App;

/// Where a new session's files are to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// The lab's starter files.
    Starter,
    /// What the learner last wrote in this lab; the starter files when that is nothing.
    Latest,
    /// A certain earlier session in this lab.
    Earlier(SessionId),
}

/// The lab with this name.
pub(crate) fn find_lab<'a>(app: &'a App, slug: &str) -> Result<&'a LoadedLab, Error> {
    let known = LabSlug::new(slug).ok().and_then(|slug| app.labs.get(&slug));
    known.ok_or_else(|| Error::NoSuchLab(slug.chars().take(64).collect()))
}

/// Starts a lab for a learner.
pub(crate) async fn start_lab(
    app: &App,
    asker: &Asker,
    lab: &LoadedLab,
    from: From,
    key: &IdempotencyKey,
) -> Result<SessionRow, Error> {
    let slug = &lab.lab.slug;
    let id = SessionId(key.id_for(asker.learner, &format!("start {slug}")));
    if let Some(session) = app.store.session(id).await? {
        // The same request again: the same answer, as things stand now.
        return Ok(session);
    }
    if let Some(active) = app.store.active_session(asker.learner, slug).await? {
        return Err(Error::SessionActive { session: active.session_id });
    }
    let (origin, tree) = first_files(app, asker, lab, from).await?;
    open_workspace(app, asker, id, origin.clone(), tree).await?;
    request(app, asker, lab, id, origin).await?;
    let session =
        app.store.session(id).await?.ok_or_else(|| Error::internal("a session is gone after its start"))?;
    tracing::info!(session = %id, lab = %slug, "a session was requested");
    Ok(session)
}

/// The newest session in a lab in which its learner has written something, and its files. A session that failed to start, or in
/// which nothing was touched, does not stand before the work of an earlier one.
pub(crate) async fn latest_work(
    app: &App,
    learner: LearnerId,
    slug: &LabSlug,
) -> Result<Option<(SessionRow, Tree)>, Error> {
    let sessions = app.store.sessions_of(learner).await?;
    for session in sessions.into_iter().filter(|session| session.lab.slug == *slug) {
        let Some((tree, version)) = app.store.workspace_tree(WorkspaceId::of(session.session_id)).await?
        else {
            continue;
        };
        let untouched = session.origin == Origin::Starter && version <= 1;
        if !untouched {
            return Ok(Some((session, tree)));
        }
    }
    Ok(None)
}

async fn first_files(app: &App, asker: &Asker, lab: &LoadedLab, from: From) -> Result<(Origin, Tree), Error> {
    let earlier = match from {
        From::Starter => None,
        From::Latest => latest_work(app, asker.learner, &lab.lab.slug).await?.map(|(session, _)| session),
        From::Earlier(id) => {
            let session = app.store.session(id).await?;
            let own = session.filter(|row| row.learner_id == asker.learner && row.lab.slug == lab.lab.slug);
            Some(own.ok_or(Error::NoSuchSession)?)
        }
    };
    if let Some(earlier) = earlier
        && let Some((tree, _)) = app.store.workspace_tree(WorkspaceId::of(earlier.session_id)).await?
    {
        return Ok((Origin::Continued { session: earlier.session_id }, tree));
    }
    Ok((Origin::Starter, app.store.put_files(&lab.lab.starter).await?))
}

async fn open_workspace(
    app: &App,
    asker: &Asker,
    id: SessionId,
    origin: Origin,
    tree: Tree,
) -> Result<(), Error> {
    let open = WorkspaceCommand::Open { origin, tree, limits: app.settings.workspace_limits };
    match app.store.execute::<Workspace>(WorkspaceId::of(id).0, open, &asker.provenance()).await {
        // An earlier try of the same request got this far.
        Ok(_) | Err(CommandError::Refused(WorkspaceError::AlreadyOpen)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn request(
    app: &App,
    asker: &Asker,
    lab: &LoadedLab,
    id: SessionId,
    origin: Origin,
) -> Result<(), Error> {
    let slug = &lab.lab.slug;
    let command = SessionCommand::Request {
        session: id,
        learner: asker.learner,
        lab: LabRef { slug: slug.clone(), version: lab.lab.version.clone() },
        origin,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds: app.settings.session_ttl.as_secs(),
    };
    match app.store.execute::<Session>(id.0, command, &asker.provenance()).await {
        Ok(_) | Err(CommandError::Refused(SessionError::AlreadyRequested)) => Ok(()),
        Err(CommandError::Duplicate(DuplicateOf::ActiveSession)) => {
            // Two starts in one instant: the other one was first.
            match app.store.active_session(asker.learner, slug).await? {
                Some(active) if active.session_id == id => Ok(()),
                Some(active) => Err(Error::SessionActive { session: active.session_id }),
                None => Err(Error::Conflict),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The learner's active session in a lab.
pub(crate) async fn active(app: &App, asker: &Asker, slug: &LabSlug) -> Result<SessionRow, Error> {
    let active = app.store.active_session(asker.learner, slug).await?;
    active.filter(|row| row.phase != Phase::Ended).ok_or_else(|| Error::NoActiveSession(slug.clone()))
}
