//! Attempts and the jobs that judge them.

use containrlab_domain::attempt::{Attempt, AttemptCommand, AttemptEvent, Basis};
use containrlab_domain::ids::{JobId, LabVersion, LearnerId, RunnerId, SessionId};
use containrlab_domain::job::JobKind;
use containrlab_domain::verdict::Verdict;
use cqrs_es::EventEnvelope;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::jobs::{Owed, Which};
use super::{change_one, jobs};
use crate::queue::{Queue, priority};
use crate::rows::{column, to_json};
use crate::{Recorded, StartOf, StoreError};

const WHAT: &str = "an attempt";
const JUDGEMENT: &str = "a judgement";

/// Attempts of one learner in one lab are numbered one after the other, also when two are handed in at once.
const LOCK_NUMBERS: &str =
    "select pg_advisory_xact_lock(hashtextextended('attempts ' || $1::uuid::text || ' ' || $2::text, 0))";

impl Recorded for Attempt {
    fn session_of(_: Uuid, event: &AttemptEvent) -> Option<SessionId> {
        match event {
            AttemptEvent::Submitted { session, .. } => Some(*session),
            // The others stand on the timeline of the session that the first one names.
            _ => None,
        }
    }

    fn lets_push(event: &AttemptEvent) -> bool {
        match event {
            AttemptEvent::Submitted { .. }
            | AttemptEvent::RejudgeRequested { .. }
            // The judging itself can begin.
            | AttemptEvent::SessionSeen { .. } => true,
            // What has begun waits no longer: there is room in the queue.
            AttemptEvent::JudgingStarted { .. } | AttemptEvent::RejudgingStarted { .. } => true,
            _ => false,
        }
    }

    fn start_of(command: &AttemptCommand) -> Option<StartOf> {
        match command {
            AttemptCommand::StartJudging { job, .. } => Some(StartOf::Job(*job)),
            _ => None,
        }
    }

    async fn project(
        transaction: &Transaction<'_>,
        id: Uuid,
        event: &EventEnvelope<Self>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let judge = Which::Only(JobKind::Judge);
        match &event.payload {
            AttemptEvent::Submitted { session, learner, lab, tree, judge_job, looks_at_session, .. } => {
                let lock = transaction.prepare_cached(LOCK_NUMBERS).await?;
                transaction.query(&lock, &[&learner.0, &lab.slug.as_str()]).await?;
                let rows = super::change(
                    transaction,
                    "insert into attempts (attempt_id, session_id, learner_id, lab_slug, lab_version, tree_hash, \
                       number, state, submitted_at, looks_at_session) \
                     select $1, $2, $3, $4, $5, trees.hash, 1 + coalesce( \
                       (select max(number) from attempts where learner_id = $3 and lab_slug = $4), 0), \
                       'submitted', $7, $8 \
                     from trees where trees.hash = $6",
                    &[
                        &id,
                        &session.0,
                        &learner.0,
                        &lab.slug.as_str(),
                        &lab.version.as_str(),
                        &tree.as_str(),
                        &at,
                        looks_at_session,
                    ],
                )
                .await?;
                if rows == 0 {
                    return Err(StoreError::TreeMissing(tree.clone()));
                }
                let owed = Owed {
                    job: *judge_job,
                    kind: JobKind::Judge,
                    queue: queue_for(transaction, *looks_at_session, *session).await?,
                    aggregate: id,
                    session: *session,
                    learner: *learner,
                    priority: priority::of(JobKind::Judge),
                };
                jobs::owe(transaction, owed, at).await
            }
            AttemptEvent::JudgingStarted { claim, start_number, log } => {
                jobs::held(transaction, id, judge, claim, *start_number, Some(*log), at).await?;
                let sql = "update attempts set state = 'judging', log_id = $2 where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &log.0]).await
            }
            AttemptEvent::JudgingReleased { .. } => {
                jobs::released(transaction, id, judge).await?;
                let sql = "update attempts set state = 'submitted' where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id]).await
            }
            AttemptEvent::Judged { verdict, basis } => {
                jobs::done(transaction, id, judge, None, at).await?;
                let sql = "update attempts set state = 'judged', judged_at = $2, status = $3, verdict = $4, \
                             basis = $5, ever_passed = ($3 = 'passed') \
                           where attempt_id = $1";
                let (verdict_json, basis) = (to_json(verdict)?, basis.as_ref().map(to_json).transpose()?);
                let parameters: [&(dyn ToSql + Sync); 5] =
                    [&id, &at, &verdict.status.as_str(), &verdict_json, &basis];
                change_one(transaction, WHAT, sql, &parameters).await?;
                change_one(transaction, WHAT, FIRST_JUDGEMENT, &[&id]).await
            }
            AttemptEvent::SessionSeen { facts, .. } => {
                jobs::handed_on(transaction, id, JobKind::Judge, &Queue::Judge).await?;
                let sql = "update attempts set state = 'submitted', \
                             session_seen = jsonb_build_object('facts', $2::jsonb) where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &to_json(facts)?]).await
            }
            AttemptEvent::RejudgeRequested { job, lab } => {
                rejudge_requested(transaction, id, *job, lab, at).await
            }
            AttemptEvent::RejudgingStarted { job, claim, start_number, log } => {
                jobs::held(transaction, id, Which::Job(*job), claim, *start_number, Some(*log), at).await?;
                let sql = "update judgements set state = 'judging', log_id = $2 where job_id = $1";
                change_one(transaction, JUDGEMENT, sql, &[&job.0, &log.0]).await
            }
            AttemptEvent::RejudgingReleased { job, .. } => {
                jobs::released(transaction, id, Which::Job(*job)).await?;
                let sql = "update judgements set state = 'submitted' where job_id = $1";
                change_one(transaction, JUDGEMENT, sql, &[&job.0]).await
            }
            AttemptEvent::Rejudged { job, verdict, basis } => {
                jobs::done(transaction, id, Which::Job(*job), None, at).await?;
                rejudged(transaction, *job, verdict, basis.as_ref(), at).await
            }
            AttemptEvent::SolutionShown { .. } => {
                let sql = "update attempts set solution_shown_at = $2 where attempt_id = $1";
                change_one(transaction, WHAT, sql, &[&id, &at]).await
            }
        }
    }
}

/// The first judgement as the attempt's row has it. Others enter with their request, which nobody waits for.
const FIRST_JUDGEMENT: &str = "insert into judgements (attempt_id, number, lab_version, state, log_id, requested_at, \
       judged_at, status, verdict, basis) \
     select attempt_id, 1, lab_version, state, log_id, submitted_at, judged_at, status, verdict, basis \
     from attempts where attempt_id = $1";

/// A platform's fault says nothing about the attempt, so it takes the place of no other verdict.
const NEWEST_VERDICT: &str = "update attempts set status = j.status, verdict = j.verdict, basis = j.basis, \
       log_id = j.log_id, rejudged_at = j.judged_at, ever_passed = ever_passed or j.status = 'passed' \
     from judgements j where j.job_id = $1 and attempts.attempt_id = j.attempt_id \
       and (j.status <> 'inconclusive' or attempts.status = 'inconclusive')";

async fn rejudge_requested(
    transaction: &Transaction<'_>,
    id: Uuid,
    job: JobId,
    lab: &LabVersion,
    at: Timestamp,
) -> Result<(), StoreError> {
    let count = "update attempts set judgements = judgements + 1 where attempt_id = $1 \
                 returning judgements, session_id, learner_id";
    let count = transaction.prepare_cached(count).await?;
    let attempt = transaction.query_one(&count, &[&id]).await?;
    let number: i32 = column(&attempt, "judgements")?;
    let insert = "insert into judgements (attempt_id, number, job_id, lab_version, state, requested_at) \
                  values ($1, $2, $3, $4, 'submitted', $5)";
    change_one(transaction, JUDGEMENT, insert, &[&id, &number, &job.0, &lab.as_str(), &at]).await?;
    let owed = Owed {
        job,
        kind: JobKind::Judge,
        queue: Queue::Judge,
        aggregate: id,
        session: SessionId(column(&attempt, "session_id")?),
        learner: LearnerId(column(&attempt, "learner_id")?),
        priority: priority::CAN_WAIT,
    };
    jobs::owe(transaction, owed, at).await
}

async fn rejudged(
    transaction: &Transaction<'_>,
    job: JobId,
    verdict: &Verdict,
    basis: Option<&Basis>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "update judgements set state = 'judged', judged_at = $2, status = $3, verdict = $4, basis = $5 \
               where job_id = $1";
    let (verdict_json, basis) = (to_json(verdict)?, basis.map(to_json).transpose()?);
    let parameters: [&(dyn ToSql + Sync); 5] = [&job.0, &at, &verdict.status.as_str(), &verdict_json, &basis];
    change_one(transaction, JUDGEMENT, sql, &parameters).await?;
    super::change(transaction, NEWEST_VERDICT, &[&job.0]).await?;
    Ok(())
}

/// Only the session's own runner can look at its engine.
async fn queue_for(
    transaction: &Transaction<'_>,
    looks_at_session: bool,
    session: SessionId,
) -> Result<Queue, StoreError> {
    if !looks_at_session {
        return Ok(Queue::Judge);
    }
    let sql = "select runner_id from sessions where session_id = $1 and phase <> 'ended'";
    let statement = transaction.prepare_cached(sql).await?;
    let row = transaction.query_opt(&statement, &[&session.0]).await?;
    let runner = row.as_ref().map(|row| column::<Option<Uuid>>(row, "runner_id")).transpose()?.flatten();
    Ok(runner.map_or(Queue::Judge, |runner| Queue::Runner(RunnerId(runner))))
}
