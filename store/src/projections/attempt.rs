//! Attempts and the jobs that judge them.

use containrlab_domain::attempt::{Attempt, AttemptCommand, AttemptEvent};
use containrlab_domain::ids::SessionId;
use containrlab_domain::job::JobKind;
use cqrs_es::EventEnvelope;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::jobs::{Owed, Which};
use super::{change_one, jobs};
use crate::queue::Queue;
use crate::rows::to_json;
use crate::{Recorded, StartOf, StoreError};

const WHAT: &str = "an attempt";

/// Attempts of one learner in one lab are numbered one after the other, also when two are handed in at once.
const LOCK_NUMBERS: &str =
    "select pg_advisory_xact_lock(hashtextextended('attempts ' || $1::uuid::text || ' ' || $2::text, 0))";

impl Recorded for Attempt {
    const OWES_JOBS: bool = true;

    fn session_of(_: Uuid, event: &AttemptEvent) -> Option<SessionId> {
        match event {
            AttemptEvent::Submitted { session, .. } => Some(*session),
            // The others stand on the timeline of the session that the first one names.
            _ => None,
        }
    }

    fn start_of(command: &AttemptCommand) -> Option<StartOf> {
        matches!(command, AttemptCommand::StartJudging { .. }).then_some(StartOf::Only(JobKind::Judge))
    }

    async fn project(
        transaction: &Transaction<'_>,
        id: Uuid,
        event: &EventEnvelope<Self>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let judge = Which::Only(JobKind::Judge);
        match &event.payload {
            AttemptEvent::Submitted { session, learner, lab, tree, judge_job, .. } => {
                let lock = transaction.prepare_cached(LOCK_NUMBERS).await?;
                transaction.query(&lock, &[&learner.0, &lab.slug.as_str()]).await?;
                let rows = super::change(
                    transaction,
                    "insert into attempts (attempt_id, session_id, learner_id, lab_slug, lab_version, tree_hash, \
                       number, state, submitted_at) \
                     select $1, $2, $3, $4, $5, trees.hash, 1 + coalesce( \
                       (select max(number) from attempts where learner_id = $3 and lab_slug = $4), 0), \
                       'submitted', $7 \
                     from trees where trees.hash = $6",
                    &[
                        &id,
                        &session.0,
                        &learner.0,
                        &lab.slug.as_str(),
                        &lab.version.as_str(),
                        &tree.as_str(),
                        &at,
                    ],
                )
                .await?;
                if rows == 0 {
                    return Err(StoreError::TreeMissing(tree.clone()));
                }
                let owed = Owed {
                    job: *judge_job,
                    kind: JobKind::Judge,
                    queue: Queue::Judge,
                    aggregate: id,
                    session: *session,
                    learner: *learner,
                };
                jobs::owe(transaction, owed, at).await
            }
            AttemptEvent::JudgingStarted { claim, start_number, log } => {
                jobs::held(transaction, id, judge, claim, *start_number, Some(*log), at).await?;
                let sql = "update attempts set state = 'judging', log_id = $2 where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &log.0]).await
            }
            AttemptEvent::JudgingReleased { .. } => {
                jobs::released(transaction, id, JobKind::Judge).await?;
                let sql = "update attempts set state = 'submitted' where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id]).await
            }
            AttemptEvent::Judged { verdict } => {
                jobs::done(transaction, id, judge, None, at).await?;
                let sql = "update attempts set state = 'judged', judged_at = $2, status = $3, verdict = $4 \
                           where attempt_id = $1";
                let parameters: [&(dyn ToSql + Sync); 4] =
                    [&id, &at, &verdict.status.as_str(), &to_json(verdict)?];
                change_one(transaction, WHAT, sql, &parameters).await
            }
            AttemptEvent::SolutionShown { .. } => {
                let sql = "update attempts set solution_shown_at = $2 where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &at]).await
            }
        }
    }
}
