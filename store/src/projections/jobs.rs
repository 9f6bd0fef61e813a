//! The outbox and the list of jobs: owed with the request, held with the start, done with the outcome.

use std::time::Duration;

use containrlab_domain::ids::{JobId, LearnerId, RecordingId, SessionId};
use containrlab_domain::job::{Claim, JobKind, JobOutcome};
use containrlab_domain::session::Work;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::{change, change_one};
use crate::faults::hastened;
use crate::queue::{Queue, priority};
use crate::rows::{seconds, to_json};
use crate::{LEASE, StoreError};

/// How long a job that was given back waits before it is pushed again, times the number of its starts.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Which job of an aggregate.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// This one.
    Job(JobId),
    /// The only one of its kind that the aggregate has.
    Only(JobKind),
}

impl Which {
    fn job(self) -> Option<Uuid> {
        match self {
            Self::Job(job) => Some(job.0),
            Self::Only(_) => None,
        }
    }

    fn kind(self) -> Option<&'static str> {
        match self {
            Self::Job(_) => None,
            Self::Only(kind) => Some(kind.as_str()),
        }
    }
}

/// A job that any runner may do.
pub(super) struct Owed {
    pub(super) job: JobId,
    pub(super) kind: JobKind,
    pub(super) queue: Queue,
    pub(super) aggregate: Uuid,
    pub(super) session: SessionId,
    pub(super) learner: LearnerId,
    /// See [`priority`].
    pub(super) priority: i16,
}

pub(super) async fn owe(transaction: &Transaction<'_>, owed: Owed, at: Timestamp) -> Result<(), StoreError> {
    change_one(
        transaction,
        "a job",
        "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
           available_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        &[
            &owed.job.0,
            &owed.kind.as_str(),
            &owed.queue.to_string(),
            &owed.priority,
            &owed.aggregate,
            &owed.session.0,
            &owed.learner.0,
            &at,
        ],
    )
    .await
}

/// A job that only the runner of the session can do.
pub(super) async fn owe_to_runner(
    transaction: &Transaction<'_>,
    session: Uuid,
    job: JobId,
    kind: JobKind,
    work: Option<&Work>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let work = work.map(to_json).transpose()?;
    change_one(
        transaction,
        "a session with a runner",
        "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, work, requested_at, \
           available_at) \
         select $1, $2, 'runner:' || runner_id, $3, session_id, session_id, learner_id, $4, $5, $5 \
         from sessions where session_id = $6 and runner_id is not null",
        &[&job.0, &kind.as_str(), &priority::of(kind), &work, &at, &session],
    )
    .await
}

/// A worker holds it from now on, for as long as its lease runs.
pub(super) async fn held(
    transaction: &Transaction<'_>,
    aggregate: Uuid,
    which: Which,
    claim: &Claim,
    start_number: u32,
    log: Option<RecordingId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let starts = i32::try_from(start_number).unwrap_or(i32::MAX);
    change_one(
        transaction,
        "a job that was started",
        "update jobs set state = 'held', started_at = $9, starts = $4, lease = $5, \
           lease_until = clock_timestamp() + make_interval(secs => $6), runner_id = $7, \
           log_id = coalesce($8, log_id) \
         where aggregate_id = $1 and (job_id = $2 or kind = $3)",
        &[
            &aggregate,
            &which.job(),
            &which.kind(),
            &starts,
            &claim.lease.0,
            &seconds(hastened(LEASE)),
            &claim.runner.0,
            &log.map(|log| log.0),
            &at,
        ],
    )
    .await
}

/// The runner of the session has done its part; any runner may do the rest.
pub(super) async fn handed_on(
    transaction: &Transaction<'_>,
    aggregate: Uuid,
    kind: JobKind,
    queue: &Queue,
) -> Result<(), StoreError> {
    change_one(
        transaction,
        "a job that was handed on",
        "update jobs set state = 'owed', queue = $3, starts = 0, queued_at = null, lease_until = null, \
           available_at = clock_timestamp() \
         where aggregate_id = $1 and kind = $2 and state <> 'done'",
        &[&aggregate, &kind.as_str(), &queue.to_string()],
    )
    .await
}

/// The session's runner need not look any more, or can't: whichever runner comes first says so.
pub(super) async fn free_of_runner(
    transaction: &Transaction<'_>,
    session: Uuid,
    kind: JobKind,
    queue: &Queue,
) -> Result<(), StoreError> {
    change(
        transaction,
        "update jobs set state = 'owed', queue = $3, queued_at = null \
         where session_id = $1 and kind = $2 and queue <> $3 and state in ('owed', 'queued')",
        &[&session, &kind.as_str(), &queue.to_string()],
    )
    .await?;
    Ok(())
}

/// A worker gave it back: owed again, a little later each time.
pub(super) async fn released(
    transaction: &Transaction<'_>,
    aggregate: Uuid,
    which: Which,
) -> Result<(), StoreError> {
    change_one(
        transaction,
        "a job that was given back",
        "update jobs set state = 'owed', queued_at = null, lease_until = null, \
           available_at = clock_timestamp() + starts * make_interval(secs => $4) \
         where aggregate_id = $1 and (job_id = $2 or kind = $3)",
        &[&aggregate, &which.job(), &which.kind(), &seconds(BACK_OFF)],
    )
    .await
}

/// It is over.
pub(super) async fn done(
    transaction: &Transaction<'_>,
    aggregate: Uuid,
    which: Which,
    outcome: Option<&JobOutcome>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let outcome = outcome.map(to_json).transpose()?;
    change_one(
        transaction,
        "a job that is over",
        "update jobs set state = 'done', finished_at = $4, outcome = $5, lease_until = null \
         where aggregate_id = $1 and (job_id = $2 or kind = $3)",
        &[&aggregate, &which.job(), &which.kind(), &at, &outcome],
    )
    .await
}

/// The jobs of these kinds have become pointless with the session's end, those that are not over yet.
pub(super) async fn drop_open(
    transaction: &Transaction<'_>,
    session: Uuid,
    kinds: &[JobKind],
    at: Timestamp,
) -> Result<(), StoreError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    change(
        transaction,
        "update jobs set state = 'done', finished_at = $3, lease_until = null \
         where aggregate_id = $1 and kind = any($2) and state <> 'done'",
        &[&session, &kinds, &at],
    )
    .await?;
    Ok(())
}
