//! Builds, runs and commands.

use std::collections::BTreeSet;

use containrlab_domain::ids::JobId;
use containrlab_domain::judge::CheckKind;
use containrlab_domain::session::{Session, SessionCommand, SessionError, Work};
use containrlab_store::{CommandError, JobRow, SessionRow};

use crate::Error;
use crate::extract::{Asker, IdempotencyKey};
use crate::services::runner;
use crate::state::App;

/// Asks for a build, a run or a command in a session's sandbox.
pub(crate) async fn request(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    work: Work,
    key: &IdempotencyKey,
) -> Result<JobRow, Error> {
    work.validate().map_err(Error::Session)?;
    let purpose = format!("{} {}", work.job_kind().as_str(), session.session_id);
    let id = JobId(key.id_for(asker.learner, &purpose));
    if let Some(job) = app.store.job(id).await? {
        return Ok(job);
    }
    // The build reads the sandbox's own copy, but its timeline should show the files that it was made of.
    runner::flush(app, session).await?;
    let command = SessionCommand::RequestJob { job: id, work };
    match app.store.execute::<Session>(session.session_id.0, command, &asker.provenance()).await {
        Ok(_) => {}
        // The same request in the same instant was first.
        Err(CommandError::Refused(SessionError::Busy { job })) if job == id => {}
        Err(error) => return Err(error.into()),
    }
    app.store.job(id).await?.ok_or_else(|| Error::internal("a job is gone right after its request"))
}

/// A job of a session.
pub(crate) async fn find(app: &App, session: &SessionRow, id: JobId) -> Result<JobRow, Error> {
    let job = app.store.job(id).await?;
    job.filter(|job| job.session_id == session.session_id).ok_or(Error::NoSuchJob)
}

/// A build of a session's workspace; the image gets the lab's name unless another is asked for.
pub(crate) fn build_of(session: &SessionRow, tag: Option<String>) -> Work {
    Work::Build { tag: tag.unwrap_or_else(|| session.lab.slug.to_string()) }
}

/// A run of an image; what a build without a name made, with the ports that the lab's checks ask, unless others are
/// asked for.
pub(crate) fn run_of(
    app: &App,
    session: &SessionRow,
    image: Option<String>,
    ports: Option<Vec<(u16, u16)>>,
) -> Work {
    let asked = || {
        let lab = app.labs.get(&session.lab.slug);
        let ports: BTreeSet<u16> = lab
            .iter()
            .flat_map(|loaded| &loaded.lab.checks)
            .filter_map(|check| match &check.kind {
                CheckKind::Http(http) => Some(http.port),
                _ => None,
            })
            .collect();
        ports.into_iter().map(|port| (port, port)).collect()
    };
    Work::Run {
        image: image.unwrap_or_else(|| session.lab.slug.to_string()),
        ports: ports.unwrap_or_else(asked),
    }
}
