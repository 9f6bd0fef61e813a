//! Builds, runs and commands: what they have in common.

use std::sync::Arc;
use std::time::Duration;

use containrlab_agent::message::{ErrorCode, ExecExit};
use containrlab_domain::ids::RecordingId;
use containrlab_domain::job::JobOutcome;
use containrlab_domain::session::{Session, SessionCommand, Work};
use containrlab_store::JobRow;
use tokio_util::sync::CancellationToken;

use super::frame::{record, start};
use super::lease::LetGo;
use super::{LogWriter, build, exec, run};
use crate::error::Error;
use crate::runner::{Held, Runner};
use crate::sandbox::AgentError;

/// Bytes of output that are kept of one job.
const LOG_LIMIT: usize = 4 << 20;

/// How long the editor's last changes may take to reach the sandbox before the job begins without them.
const SETTLE: Duration = Duration::from_secs(10);

pub(super) async fn work(runner: Arc<Runner>, row: JobRow) -> Result<(), Error> {
    let log = RecordingId(uuid::Uuid::now_v7());
    let job = row.job_id;
    let started =
        start::<Session>(&runner, &row, |claim| SessionCommand::StartJob { job, claim, log }).await?;
    let Some(lease) = started else { return Ok(()) };
    let held = runner.held(row.session_id);
    let unwanted = held.as_ref().map_or_else(CancellationToken::new, |held| held.ending.clone());
    let outcome = match (&held, &row.work) {
        (Some(held), Some(work)) => lease.hold(&runner, &unwanted, act(&runner, held, work, log)).await,
        (None, _) => {
            Ok(failed("sandbox_unreachable", "The session's sandbox is not on this machine any more."))
        }
        (_, None) => Ok(failed("job_damaged", "The ledger does not say what this job was to do.")),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(LetGo::Unwanted) => {
            if let Err(error) = runner.store.close_recording(log).await {
                tracing::warn!(%job, %error, "a log stays open");
            }
            failed("session_ended", "The session ended before this was done.")
        }
        Err(why @ (LetGo::LeaseLost | LetGo::RunnerStops)) => {
            // Somebody else has it, or the next process of this runner gets it.
            tracing::info!(%job, ?why, "a job was let go");
            return Ok(());
        }
    };
    record::<Session>(
        &runner,
        &lease,
        row.aggregate_id,
        SessionCommand::FinishJob { job, lease: lease.id, outcome },
    )
    .await;
    Ok(())
}

async fn act(runner: &Runner, held: &Held, work: &Work, log: RecordingId) -> JobOutcome {
    let mut log = match LogWriter::open(runner.store.clone(), log, held.session, LOG_LIMIT).await {
        Ok(log) => log,
        Err(error) => return outcome_of(Err(error.into()), 0),
    };
    match tokio::time::timeout(SETTLE, held.workspace.settle()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(session = %held.session, %error, "a job begins with older files"),
        Err(_) => tracing::warn!(session = %held.session, "a job begins with older files"),
    }
    let agent = &held.sandbox.agent;
    let outcome = match work {
        Work::Build { tag } => build::build(agent, &mut log, tag).await,
        Work::Run { image, ports } => run::run(agent, &mut log, image, ports).await,
        Work::Exec { argv, timeout_seconds } => exec::exec(agent, &mut log, argv, *timeout_seconds).await,
    };
    log.close().await;
    outcome
}

/// The outcome of a command that ran under a time limit.
pub(super) fn outcome_of(ended: Result<ExecExit, Error>, limit_seconds: u64) -> JobOutcome {
    match ended {
        Ok(exit) if exit.timed_out => JobOutcome::TimedOut { seconds: limit_seconds },
        Ok(exit) => JobOutcome::Exited { code: exit_code(&exit), milliseconds: exit.duration_ms },
        Err(Error::Agent(AgentError::Refused(refusal))) if refusal.code == ErrorCode::CannotStart => {
            failed("cannot_start", &refusal.message)
        }
        Err(Error::Agent(error)) if error.is(ErrorCode::NoSpace) => failed(
            "disk_full",
            "The sandbox's disk is full. Remove images or files, for instance with docker system prune.",
        ),
        Err(error) => {
            tracing::error!(%error, "a job could not be done");
            failed(error.code(), "The sandbox did not do what it was asked to. Please try again.")
        }
    }
}

/// As a shell would put it in `$?`.
pub(super) fn exit_code(exit: &ExecExit) -> i32 {
    match (exit.exit.code, exit.exit.signal) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => -1,
    }
}

pub(super) fn failed(reason: &str, detail: &str) -> JobOutcome {
    JobOutcome::Failed { reason: reason.to_owned(), detail: detail.to_owned() }
}
