//! Sessions, their terminals and their jobs.

use containrlab_domain::ids::{JobId, LabRef, LearnerId, SessionId};
use containrlab_domain::job::JobKind;
use containrlab_domain::session::{EndReason, Origin, Session, SessionCommand, SessionEvent};
use cqrs_es::EventEnvelope;
use deadpool_postgres::Transaction;
use futures::future::try_join;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::jobs::{Owed, Which};
use super::{change, change_one, jobs};
use crate::queue::{Queue, priority};
use crate::rows::{signed, to_json};
use crate::{Recorded, StartOf, StoreError};

const WHAT: &str = "a session";

impl Recorded for Session {
    fn session_of(id: Uuid, _: &SessionEvent) -> Option<SessionId> {
        Some(SessionId(id))
    }

    fn lets_push(event: &SessionEvent) -> bool {
        match event {
            SessionEvent::Requested { .. }
            | SessionEvent::JobRequested { .. }
            | SessionEvent::EndRequested { .. }
            // Judge jobs become free of the session's runner.
            | SessionEvent::Ended { .. } => true,
            // What has begun waits no longer: there is room in the queue.
            SessionEvent::ProvisioningStarted { .. }
            | SessionEvent::JobStarted { .. }
            | SessionEvent::EndingStarted { .. } => true,
            _ => false,
        }
    }

    fn start_of(command: &SessionCommand) -> Option<StartOf> {
        match command {
            SessionCommand::StartProvisioning { .. } => Some(StartOf::Only(JobKind::Provision)),
            SessionCommand::StartJob { job, .. } => Some(StartOf::Job(*job)),
            SessionCommand::StartEnding { .. } => Some(StartOf::Only(JobKind::End)),
            _ => None,
        }
    }

    async fn project(
        transaction: &Transaction<'_>,
        id: Uuid,
        event: &EventEnvelope<Self>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let provision = Which::Only(JobKind::Provision);
        match &event.payload {
            SessionEvent::Requested { learner, lab, origin, provision_job, .. } => {
                requested(transaction, id, (*learner, lab, origin), *provision_job, at).await
            }
            SessionEvent::ProvisioningStarted { claim, start_number } => {
                jobs::held(transaction, id, provision, claim, *start_number, None, at).await?;
                let sql = "update sessions set runner_id = $2 where session_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &claim.runner.0]).await
            }
            SessionEvent::ProvisioningReleased { .. } => {
                jobs::released(transaction, id, provision).await?;
                let sql = "update sessions set runner_id = null where session_id = $1";
                change_one(transaction, WHAT, sql, &[&id]).await
            }
            SessionEvent::SandboxReady { sandbox, ttl_seconds, .. } => {
                jobs::done(transaction, id, provision, None, at).await?;
                let sql = "update sessions set phase = 'ready', sandbox_id = $2, ready_at = $3::timestamptz, \
                             expires_at = $3::timestamptz + make_interval(secs => $4::bigint) where session_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &sandbox.0, &at, &signed(*ttl_seconds)]).await
            }
            SessionEvent::Extended { by_seconds, .. } => {
                let sql = "update sessions set extensions = extensions + 1, \
                             expires_at = expires_at + make_interval(secs => $2::bigint) where session_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &signed(*by_seconds)]).await
            }
            SessionEvent::TerminalOpened { terminal, recording } => {
                let sql = "insert into terminals (session_id, terminal, recording_id, opened_at) \
                           values ($1, $2, $3, $4)";
                change_one(transaction, "a terminal", sql, &[&id, terminal, &recording.0, &at]).await
            }
            SessionEvent::TerminalClosed { terminal, exit_code } => {
                let sql = "update terminals set closed_at = $3, exit_code = $4 \
                           where session_id = $1 and terminal = $2 and closed_at is null";
                change_one(transaction, "a terminal", sql, &[&id, terminal, &at, exit_code]).await
            }
            SessionEvent::SandboxTroubled { trouble } => {
                let sql = "update sessions set trouble = $2, troubled_at = $3 where session_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &to_json(trouble)?, &at]).await
            }
            SessionEvent::JobRequested { job, work } => {
                jobs::owe_to_runner(transaction, id, *job, work.job_kind(), Some(work), at).await
            }
            SessionEvent::JobStarted { job, claim, start_number, log } => {
                jobs::held(transaction, id, Which::Job(*job), claim, *start_number, Some(*log), at).await
            }
            SessionEvent::JobFinished { job, outcome } => {
                jobs::done(transaction, id, Which::Job(*job), Some(outcome), at).await
            }
            SessionEvent::HintShown { check, number, strength } => {
                let sql = "insert into hints_shown (session_id, check_id, number, strength, shown_at) \
                           values ($1, $2, $3, $4, $5)";
                let check = check.as_deref().unwrap_or_default();
                let (number, strength) = (i32::try_from(*number).unwrap_or(i32::MAX), i16::from(*strength));
                change_one(transaction, "a hint", sql, &[&id, &check, &number, &strength, &at]).await
            }
            SessionEvent::EndRequested { reason, job } => {
                let sql = "update sessions set phase = 'ending', end_reason = $2 where session_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &to_json(reason)?]).await?;
                jobs::drop_open(transaction, id, &[JobKind::Provision], at).await?;
                jobs::owe_to_runner(transaction, id, *job, JobKind::End, None, at).await
            }
            SessionEvent::EndingStarted { claim, start_number } => {
                jobs::held(transaction, id, Which::Only(JobKind::End), claim, *start_number, None, at).await
            }
            SessionEvent::Ended { reason } => ended(transaction, id, reason, at).await,
        }
    }
}

async fn requested(
    transaction: &Transaction<'_>,
    id: Uuid,
    (learner, lab, origin): (LearnerId, &LabRef, &Origin),
    job: JobId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let origin = to_json(origin)?;
    let owed = Owed {
        job,
        kind: JobKind::Provision,
        queue: Queue::Provision,
        aggregate: id,
        session: SessionId(id),
        learner,
        priority: priority::of(JobKind::Provision),
    };
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&id, &learner.0, &lab.slug.as_str(), &lab.version.as_str(), &origin, &at];
    let row = change_one(
        transaction,
        WHAT,
        "insert into sessions (session_id, learner_id, lab_slug, lab_version, origin, phase, requested_at) \
         values ($1, $2, $3, $4, $5, 'starting', $6)",
        &parameters,
    );
    // Two statements on their way at once.
    try_join(row, jobs::owe(transaction, owed, at)).await?;
    Ok(())
}

async fn ended(
    transaction: &Transaction<'_>,
    id: Uuid,
    reason: &EndReason,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "update sessions set phase = 'ended', ended_at = $2, end_reason = $3 where session_id = $1";
    change_one(transaction, WHAT, sql, &[&id, &at, &to_json(reason)?]).await?;
    // Builds, runs and commands have got their outcome by events of their own; attempts are judged all the same.
    jobs::drop_open(transaction, id, &[JobKind::Provision, JobKind::End], at).await?;
    // Nobody can look at the session any more; whichever runner comes first says so.
    jobs::free_of_runner(transaction, id, JobKind::Judge, &Queue::Judge).await?;
    let sql = "update terminals set closed_at = $2 where session_id = $1 and closed_at is null";
    change(transaction, sql, &[&id, &at]).await?;
    Ok(())
}
