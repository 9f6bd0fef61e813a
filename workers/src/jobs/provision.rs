//! Gives a session its sandbox, filled with its files.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::ids::{SandboxId, SessionId, WorkspaceId};
use containrlab_domain::job::MAX_STARTS;
use containrlab_domain::session::{EndReason, Origin, Phase, Session, SessionCommand};
use containrlab_domain::workspace::{Tree, Workspace, WorkspaceCommand, WorkspaceError};
use containrlab_store::{CommandError, JobRow, SessionRow};

use super::COUNTS;
use super::frame::{record, start};
use super::lease::Lease;
use crate::error::Error;
use crate::host::SandboxRequest;
use crate::runner::{Admission, Held, MadeSandbox, Place, Runner, abandon, by_runner, redeem};
use crate::sandbox::Role;
use crate::workspace::WorkspaceSync;

/// How long a session waits before it is offered again, when nothing tells that there is room.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(5);

/// How long a session waits before it is offered again, when there is room but others come first.
const OUT_OF_TURN_PAUSE: Duration = Duration::from_millis(200);

/// A sandbox with the session's files in it.
struct Made {
    sandbox: MadeSandbox,
    workspace: WorkspaceSync,
    place: Place,
}

/// Why a sandbox was not made.
enum Failure {
    /// The platform's fault: somebody may try again.
    Again(Error),
    /// It cannot be made, now or later.
    Never(&'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Again(error)
    }
}

pub(super) async fn work(runner: Arc<Runner>, row: JobRow) -> Result<(), Error> {
    if !is_its_turn(&runner, &row).await? {
        return Ok(());
    }
    let Some(admission) = runner.admit() else { return put_off(&runner, &row).await };
    let Some(lease) =
        start::<Session>(&runner, &row, |claim| SessionCommand::StartProvisioning { claim }).await?
    else {
        return Ok(());
    };
    let session = row.session_id;
    let unwanted = runner.begin_start(session);
    let made = lease.hold(&runner, &unwanted, make(&runner, session, &lease, admission)).await;
    match made {
        Ok(Ok(made)) => hand_over(&runner, session, &lease, made).await,
        Ok(Err(failure)) => give_back(&runner, session, &lease, failure).await?,
        Err(why) => tracing::info!(%session, ?why, "a start was let go"),
    }
    runner.end_start(session);
    Ok(())
}

/// Whether more places are free than sessions stand before this one in the line. Messages of several sessions are looked
/// at side by side: without this, whichever is quicker would take the place of the one that has waited longer.
async fn is_its_turn(runner: &Runner, row: &JobRow) -> Result<bool, Error> {
    let free = runner.room.free() + runner.pool.places();
    let place = runner.store.place_in_line(row.session_id).await?.map_or(1, |place| place as usize);
    if free == 0 || place <= free {
        return Ok(true);
    }
    COUNTS.put_off.add();
    runner.store.put_off(row.job_id, OUT_OF_TURN_PAUSE).await?;
    Ok(false)
}

async fn put_off(runner: &Runner, row: &JobRow) -> Result<(), Error> {
    COUNTS.put_off.add();
    if runner.room.is_short_of_disk() {
        COUNTS.put_off_for_disk.add();
    }
    runner.store.put_off(row.job_id, NO_ROOM_PAUSE).await?;
    // A place may have come free since the look: nobody else tells this job.
    if runner.has_room() {
        runner.store.release_waiting(&row.queue).await?;
    }
    Ok(())
}

/// Makes or claims a sandbox and fills it. What an earlier start of the same job made is removed first.
async fn make(
    runner: &Arc<Runner>,
    session: SessionId,
    lease: &Lease,
    admission: Admission,
) -> Result<Made, Failure> {
    let row =
        runner.store.session(session).await.map_err(Error::from)?.ok_or(Failure::Never("session_unknown"))?;
    if lease.start_number > 1 {
        remove_leftovers(runner, session, None).await?;
    }
    let request = SandboxRequest { session, lease: lease.id, role: Role::Session };
    let create = async { redeem(runner, admission, request).await.map_err(Failure::from) };
    let ((sandbox, place), ()) = tokio::try_join!(create, open_workspace(runner, &row))?;
    let workspace =
        WorkspaceSync::fill(session, sandbox.sandbox().agent.clone(), runner.store.clone()).await?;
    Ok(Made { sandbox, workspace, place })
}

/// Removes sandboxes of a session, but for the one that is to be kept.
pub(super) async fn remove_leftovers(
    runner: &Runner,
    session: SessionId,
    keep: Option<SandboxId>,
) -> Result<(), Error> {
    let listed = runner.host.list().await?;
    let leftovers = listed
        .into_iter()
        .filter(|l| l.spec.session == session && l.spec.role == Role::Session && Some(l.spec.id) != keep);
    for leftover in leftovers {
        runner.host.remove(leftover.spec.id).await?;
    }
    Ok(())
}

/// Opens the workspace with the files that the session begins with; one that is open already is left as it is.
async fn open_workspace(runner: &Runner, row: &SessionRow) -> Result<(), Failure> {
    let workspace = WorkspaceId::of(row.session_id);
    if runner.store.workspace_tree(workspace).await.map_err(Error::from)?.is_some() {
        return Ok(());
    }
    let continued = match &row.origin {
        Origin::Continued { session } => {
            runner.store.workspace_tree(WorkspaceId::of(*session)).await.map_err(Error::from)?
        }
        Origin::Starter => None,
    };
    let tree = match continued {
        Some((tree, _)) => tree,
        None => starter(runner, row).await?,
    };
    let limits = runner.settings.workspace_limits;
    let command = WorkspaceCommand::Open { origin: row.origin.clone(), tree, limits };
    match runner.store.execute::<Workspace>(workspace.0, command, &by_runner()).await {
        Ok(_) | Err(CommandError::Refused(WorkspaceError::AlreadyOpen)) => Ok(()),
        Err(error) => Err(Error::from(error).into()),
    }
}

/// The lab's starter files, their contents in the store.
async fn starter(runner: &Runner, row: &SessionRow) -> Result<Tree, Failure> {
    let Some(loaded) = runner.labs.get(&row.lab.slug) else { return Err(Failure::Never("lab_unknown")) };
    Ok(runner.store.put_files(&loaded.lab.starter).await.map_err(Error::from)?)
}

/// Tells the ledger that the sandbox is up. When the session no longer wants it, it is removed.
async fn hand_over(
    runner: &Arc<Runner>,
    session: SessionId,
    lease: &Lease,
    Made { sandbox: made, workspace, place }: Made,
) {
    let sandbox = made.sandbox().clone();
    let command = SessionCommand::MarkReady { lease: lease.id, sandbox: sandbox.id, warm: sandbox.warm };
    let held = Arc::new(Held::new(session, sandbox, workspace, runner.store.clone(), place));
    // Before the ledger knows: whoever reads there that it is ready finds it here.
    runner.hold(Arc::clone(&held));
    let recorded = record::<Session>(runner, lease, session.0, command).await;
    if recorded || is_ready_with(runner, session, held.sandbox.id).await {
        made.keep();
        return;
    }
    runner.let_go(session);
    held.rest().await;
    // `made` removes the sandbox.
}

/// Whether a refusal only means that the first try, whose answer was lost, had gone through.
async fn is_ready_with(runner: &Runner, session: SessionId, sandbox: SandboxId) -> bool {
    match runner.store.session(session).await {
        Ok(Some(row)) => row.phase == Phase::Ready && row.sandbox_id == Some(sandbox),
        _ => false,
    }
}

async fn give_back(
    runner: &Runner,
    session: SessionId,
    lease: &Lease,
    failure: Failure,
) -> Result<(), Error> {
    let (reason, is_last) = match failure {
        Failure::Again(error) => {
            tracing::error!(%session, %error, start = lease.start_number, "a sandbox could not be made");
            (error.code(), lease.start_number >= MAX_STARTS)
        }
        Failure::Never(reason) => (reason, true),
    };
    let command = SessionCommand::ReleaseProvisioning { lease: lease.id, reason: reason.to_owned() };
    if record::<Session>(runner, lease, session.0, command).await && is_last {
        abandon(runner, session, EndReason::StartFailed { cause: reason.to_owned() }).await?;
    }
    Ok(())
}
