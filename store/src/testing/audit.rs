//! What must be true of a ledger at rest, whatever was done to the processes that wrote it.

use containrlab_domain::attempt::Attempt;
use containrlab_domain::ids::SessionId;
use containrlab_domain::job::MAX_STARTS;
use containrlab_domain::learner::Learner;
use containrlab_domain::session::Session;
use containrlab_domain::workspace::Workspace;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::rows::column;
use crate::{Recorded, Store, StoreError, upcasters};

/// Each question gives a sentence for every row that should not be there.
const QUESTIONS: &[&str] = &[
    "select format('job %s (%s) is %s and not done', job_id, kind, state) from jobs where state <> 'done'",
    "select format('session %s is still %s', session_id, phase) from sessions where phase not in ('ready', 'ended')",
    "select format('stream %s %s has a gap', aggregate_type, aggregate_id) from events \
     group by aggregate_type, aggregate_id having max(sequence) <> count(*) or min(sequence) <> 1",
    "select format('%s follows the end of session %s', later.event_type, later.aggregate_id) \
     from events later join events ended using (aggregate_type, aggregate_id) \
     where aggregate_type = 'session' and ended.event_type = 'SessionEnded' and later.sequence > ended.sequence",
    "select format('session %s ended %s times', aggregate_id, count(*)) from events \
     where event_type = 'SessionEnded' group by aggregate_id having count(*) > 1",
    "select format('session %s was asked to end and has not ended', aggregate_id) from events asked \
     where event_type = 'SessionEndRequested' and not exists (select 1 from events ended \
       where ended.aggregate_id = asked.aggregate_id and ended.event_type = 'SessionEnded')",
    "select format('session %s was made ready %s times', aggregate_id, count(*)) from events \
     where event_type = 'SandboxReady' group by aggregate_id having count(*) > 1",
    "select format('session job %s has %s outcomes', asked.payload ->> 'job', count(finished.position)) \
     from events asked left join events finished on finished.aggregate_id = asked.aggregate_id \
       and finished.event_type = 'JobFinished' and finished.payload ->> 'job' = asked.payload ->> 'job' \
     where asked.event_type = 'JobRequested' group by asked.payload ->> 'job' having count(finished.position) <> 1",
    "select format('attempt %s has %s verdicts', asked.aggregate_id, count(judged.position)) \
     from events asked left join events judged on judged.aggregate_id = asked.aggregate_id \
       and judged.event_type = 'AttemptJudged' \
     where asked.event_type = 'AttemptSubmitted' group by asked.aggregate_id having count(judged.position) <> 1",
    "select format('attempt %s, judged again by job %s, has %s verdicts of it', asked.aggregate_id, \
       asked.payload ->> 'job', count(judged.position)) \
     from events asked left join events judged on judged.aggregate_id = asked.aggregate_id \
       and judged.event_type = 'AttemptRejudged' and judged.payload ->> 'job' = asked.payload ->> 'job' \
     where asked.event_type = 'AttemptRejudgeRequested' group by asked.aggregate_id, asked.payload ->> 'job' \
     having count(judged.position) <> 1",
    "select format('%s %s was said under a lease that was not the newest', outcome.event_type, outcome.aggregate_id) \
     from events outcome where outcome.event_type in ('SandboxReady', 'ProvisioningReleased', 'JudgingReleased', \
       'RejudgingReleased') \
       and outcome.payload ->> 'lease' is distinct from (select started.payload -> 'claim' ->> 'lease' \
         from events started where started.aggregate_id = outcome.aggregate_id and started.sequence < outcome.sequence \
           and started.event_type in ('ProvisioningStarted', 'JudgingStarted', 'RejudgingStarted') order by sequence desc limit 1)",
    "select format('file %s of workspace %s has no content', path, workspace_id) from workspace_files f \
     where hash is not null and not exists (select 1 from blobs where blobs.hash = f.hash)",
];

/// The tables that follow from events, each without the columns that do not: what only the queue knows, and times at which
/// a lease began.
const READ_MODELS: &[(&str, &str)] = &[
    ("learners", "{}"),
    ("sessions", "{}"),
    ("terminals", "{}"),
    ("hints_shown", "{}"),
    ("workspaces", "{}"),
    ("workspace_files", "{}"),
    ("attempts", "{}"),
    ("judgements", "{}"),
    ("jobs", "{available_at,queued_at,push_id,started_at,lease_until}"),
];

/// Everything that is wrong with a ledger in which nothing goes on any more; empty when all is well.
///
/// # Errors
/// [`StoreError`] when it cannot be read.
pub async fn audit(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut client = store.database().await?;
    let transaction = client.transaction().await?;
    let mut wrong = Vec::new();
    for question in QUESTIONS {
        for row in transaction.query(*question, &[]).await? {
            wrong.push(row.try_get(0)?);
        }
    }
    let many =
        "select format('job %s (%s) was started %s times', job_id, kind, starts) from jobs where starts > $1";
    for row in transaction.query(many, &[&(MAX_STARTS as i32)]).await? {
        wrong.push(row.try_get(0)?);
    }
    wrong.extend(differences(&transaction).await?);
    // Nothing of this was ever there.
    transaction.rollback().await?;
    Ok(wrong)
}

/// The jobs that are not done and the sessions that are on their way somewhere, in words.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn unfinished(store: &Store) -> Result<Vec<String>, StoreError> {
    let client = store.database().await?;
    let mut open = Vec::new();
    for question in &QUESTIONS[..2] {
        for row in client.query(*question, &[]).await? {
            open.push(row.try_get(0)?);
        }
    }
    Ok(open)
}

/// The sessions that have a sandbox.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn ready_sessions(store: &Store) -> Result<Vec<SessionId>, StoreError> {
    let client = store.database().await?;
    let rows = client.query("select session_id from sessions where phase = 'ready'", &[]).await?;
    rows.iter().map(|row| Ok(SessionId(column(row, "session_id")?))).collect()
}

/// All rows of the tables that follow from events, in words and in order, but for what only the queue knows.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn read_models(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut client = store.database().await?;
    let mut rows = dump(&client.transaction().await?).await?;
    rows.sort_unstable();
    Ok(rows)
}

/// Where the read models differ from what all events give when they are applied once more, in their order.
async fn differences(transaction: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let live = dump(transaction).await?;
    // Two sessions may have met in this index in the other order than their events stand.
    transaction.batch_execute("drop index sessions_one_active").await?;
    for (table, _) in READ_MODELS {
        transaction.batch_execute(&format!("delete from {table}")).await?;
    }
    let all = "select * from events order by position";
    for row in transaction.query(all, &[]).await? {
        let kind: &str = column(&row, "aggregate_type")?;
        match kind {
            "session" => apply::<Session>(transaction, &row).await?,
            "workspace" => apply::<Workspace>(transaction, &row).await?,
            "attempt" => apply::<Attempt>(transaction, &row).await?,
            "learner" => apply::<Learner>(transaction, &row).await?,
            other => return Err(StoreError::damaged("an event", format!("of an unknown aggregate {other}"))),
        }
    }
    let again = dump(transaction).await?;
    let one_sided = |here: &[String], there: &[String], what: &str| -> Vec<String> {
        here.iter().filter(|row| !there.contains(row)).map(|row| format!("{what}: {row}")).collect()
    };
    let mut wrong = one_sided(&live, &again, "a row that no replay gives");
    wrong.extend(one_sided(&again, &live, "a row that only a replay gives"));
    Ok(wrong)
}

async fn dump(transaction: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let mut rows = Vec::new();
    for (table, without) in READ_MODELS {
        let sql = format!("select to_jsonb(t) - '{without}'::text[] from {table} t");
        for row in transaction.query(&sql, &[]).await? {
            rows.push(format!("{table} {}", row.try_get::<_, Value>(0)?));
        }
    }
    Ok(rows)
}

async fn apply<A: Recorded>(transaction: &Transaction<'_>, row: &Row) -> Result<(), StoreError> {
    let (id, at): (Uuid, Timestamp) = (column(row, "aggregate_id")?, column(row, "recorded_at")?);
    let stored = upcasters::stored(row, A::TYPE, id)?;
    A::project(transaction, id, &upcasters::lift::<A>(stored)?, at).await
}
