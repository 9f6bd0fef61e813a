//! The reconciler: finds what got lost between the ledger, Redis and the workers, and what has run out of time.
//!
//! Every round asks PostgreSQL, whose clock decides. One process at a time does a round; any number may try.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{JobId, RequestId, SessionId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use deadpool_postgres::Object;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Queue;
use crate::faults::hastened;
use crate::ledger::CommandError;
use crate::rows::{column, seconds};
use crate::{RUNNER_SILENCE, Store, StoreError};

/// How patient the reconciler is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time from one round to the next.
    pub between_rounds: Duration,
    /// How long a pushed job may wait for a worker before Redis is asked whether it still has it.
    pub queued: Duration,
    /// How long a runner may be silent before it is taken for dead.
    pub runner_silence: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            between_rounds: Duration::from_millis(500),
            queued: hastened(Duration::from_secs(10)),
            runner_silence: hastened(RUNNER_SILENCE),
        }
    }
}

/// What one round found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Jobs that Redis had lost, owed again.
    pub lost: usize,
    /// Jobs whose worker fell silent, owed again.
    pub lapsed: usize,
    /// Sessions whose time was up, asked to end.
    pub expired: usize,
    /// Sessions whose runner is gone, ended.
    pub abandoned: usize,
    /// Sign-ins whose time was up, deleted.
    pub logins: u64,
    /// Answers that were kept for repeated requests long enough, deleted.
    pub answers: u64,
}

/// Rounds between two clearings of finished messages from Redis.
const CLEAR_EVERY: u64 = 120;

/// Age from which finished messages are cleared.
const FINISHED: Duration = Duration::from_secs(60);

/// In a message's description: when, by Redis' clock, the reconciler first saw that a worker had taken it.
pub(super) const SEEN_TAKEN: &str = "seen_taken";

/// Whether each message is still on its way: in the line, or taken by a worker who has had no time yet to say in the
/// ledger that it begins. A worker that took it and died says nothing ever, and one that let go of it has said so here.
const LOOK: &str = "local time = redis.call('time') \
     local now = time[1] + time[2] / 1000000 \
     local line = {} \
     for _, id in ipairs(redis.call('lrange', KEYS[1], 0, -1)) do line[id] = true end \
     local found = {} \
     for i = 3, #ARGV do \
       local message = KEYS[2] .. ':' .. ARGV[i] \
       local there = line[ARGV[i]] \
       if not there and redis.call('hget', message, 'status') == 'Pending' then \
         redis.call('hsetnx', message, ARGV[1], string.format('%.6f', now)) \
         there = now - redis.call('hget', message, ARGV[1]) < tonumber(ARGV[2]) \
       end \
       found[i - 2] = there and 1 or 0 \
     end \
     return found";

/// Sessions that one round ends at most.
const PORTION: i64 = 100;

/// A round that takes longer was waiting for a PostgreSQL that was away, though nobody said so.
const SLOW: Duration = Duration::from_secs(5);

impl Store {
    /// Reconciles until told to stop.
    pub fn spawn_reconciler(&self, shutdown: CancellationToken) -> JoinHandle<()> {
        self.spawn_reconciler_at(Pace::default(), shutdown)
    }

    /// As [`Store::spawn_reconciler`], at another pace.
    pub fn spawn_reconciler_at(&self, pace: Pace, shutdown: CancellationToken) -> JoinHandle<()> {
        let store = self.clone();
        tokio::spawn(async move {
            shutdown.run_until_cancelled(store.reconcile_for_ever(pace)).await;
        })
    }

    async fn reconcile_for_ever(&self, pace: Pace) {
        let mut there_since = Instant::now();
        let mut well = true;
        for round in 1_u64.. {
            tokio::time::sleep(pace.between_rounds).await;
            // After the whole system was down, or PostgreSQL was, every runner looks silent and every lease has run out: let
            // them speak first.
            let others_had_time = there_since.elapsed() > pace.runner_silence;
            let asked = Instant::now();
            let done = match self.reconcile(pace, others_had_time).await {
                Ok(_) if round % CLEAR_EVERY == 0 => self.clear_finished_messages().await,
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            let away = matches!(&done, Err(StoreError::DatabaseUnreachable(_) | StoreError::CommitUnknown));
            if away || asked.elapsed() > SLOW {
                there_since = Instant::now();
            }
            match done {
                Ok(()) => well = true,
                Err(error) => {
                    if std::mem::replace(&mut well, false) {
                        tracing::warn!(%error, "the reconciler has trouble; it keeps trying");
                    }
                }
            }
        }
    }

    /// One round. Gives what it found, or `None` when another process is at it. Workers and runners are only judged by
    /// their silence when `others_had_time` to break it.
    ///
    /// # Errors
    /// [`StoreError`]; what was not done is found again in the next round.
    pub async fn reconcile(
        &self,
        pace: Pace,
        others_had_time: bool,
    ) -> Result<Option<Reconciled>, StoreError> {
        let asked = Instant::now();
        let Some(turn) = Turn::take(self).await? else { return Ok(None) };
        let found = self.round(pace, others_had_time && asked.elapsed() <= SLOW).await;
        turn.give_back().await;
        let found = found?;
        if found != Reconciled::default() {
            tracing::info!(?found, "reconciled");
        }
        Ok(Some(found))
    }

    async fn round(&self, pace: Pace, others_had_time: bool) -> Result<Reconciled, StoreError> {
        let lapsed = if others_had_time { self.owe_lapsed().await? } else { 0 };
        let expired = self.end_expired().await?;
        let abandoned = if others_had_time { self.abandon_orphans(pace.runner_silence).await? } else { 0 };
        let logins = self.delete_expired_logins().await?;
        let answers = self.delete_old_requests().await?;
        // Last, because it needs Redis: everything else goes on without.
        let lost = self.owe_lost(pace.queued).await?;
        Ok(Reconciled { lost, lapsed, expired, abandoned, logins, answers })
    }

    /// Jobs whose worker has given no sign of life: owed again. The aggregate counts the starts and gives up.
    async fn owe_lapsed(&self) -> Result<usize, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "update jobs set state = 'owed', available_at = clock_timestamp(), queued_at = null \
                 where job_id in (select job_id from jobs where state = 'held' \
                     and lease_until < clock_timestamp() for update skip locked) \
                 returning job_id, kind, starts",
            )
            .await?;
        let rows = client.query(&statement, &[]).await?;
        for row in &rows {
            let (job, kind, starts) =
                (column::<Uuid>(row, "job_id")?, column::<&str>(row, "kind")?, column::<i32>(row, "starts")?);
            tracing::warn!(%job, kind, starts, "the lease ran out without an outcome; the job is owed again");
        }
        if !rows.is_empty() {
            self.live().ring_outbox();
        }
        Ok(rows.len())
    }

    async fn end_expired(&self) -> Result<usize, StoreError> {
        let sessions = self
            .session_ids(
                "select session_id from sessions where phase = 'ready' and expires_at <= clock_timestamp() \
                 order by expires_at limit $1",
                &[&PORTION],
            )
            .await?;
        for session in &sessions {
            let job = JobId(Uuid::now_v7());
            self.tell(*session, SessionCommand::RequestEnd { reason: EndReason::Expired, job }).await?;
        }
        Ok(sessions.len())
    }

    /// Sessions whose sandbox lies on a runner that is gone. Those that only wait for a sandbox are not among them:
    /// their job's lease runs out and another runner takes it.
    async fn abandon_orphans(&self, silence: Duration) -> Result<usize, StoreError> {
        let sessions = self
            .session_ids(
                "select session_id from sessions left join runners using (runner_id) \
                 where phase in ('ready', 'ending') \
                   and coalesce(heartbeat_at, ready_at, requested_at) \
                       < clock_timestamp() - make_interval(secs => $2) \
                 order by requested_at limit $1",
                &[&PORTION, &seconds(silence)],
            )
            .await?;
        for session in &sessions {
            self.tell(*session, SessionCommand::Abandon { reason: EndReason::RunnerLost }).await?;
        }
        Ok(sessions.len())
    }

    async fn delete_expired_logins(&self) -> Result<u64, StoreError> {
        let client = self.database().await?;
        let passes = "delete from preview_passes where expires_at <= clock_timestamp()";
        client.execute(&client.prepare_cached(passes).await?, &[]).await?;
        let logins = "delete from logins where expires_at <= clock_timestamp()";
        Ok(client.execute(&client.prepare_cached(logins).await?, &[]).await?)
    }

    /// Jobs that were pushed, that nobody has started, and that Redis no longer has for anybody: owed again.
    async fn owe_lost(&self, patience: Duration) -> Result<usize, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select job_id, queue, push_id, clock_timestamp() - queued_at > 60 * make_interval(secs => $1) as long \
                 from jobs where state = 'queued' and queued_at < clock_timestamp() - make_interval(secs => $1)",
            )
            .await?;
        let rows = client.query(&statement, &[&seconds(patience)]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut by_queue: BTreeMap<String, Vec<(Uuid, String, bool)>> = BTreeMap::new();
        for row in &rows {
            let push_id = column::<Option<String>>(row, "push_id")?.unwrap_or_default();
            let pushed = (column(row, "job_id")?, push_id, column(row, "long")?);
            by_queue.entry(column(row, "queue")?).or_default().push(pushed);
        }
        let (mut lost, mut pushes) = (Vec::new(), Vec::new());
        for (queue, jobs) in by_queue {
            let found = self.look_for(&queue, &jobs, patience).await?;
            // Only a fault of the queue's own keeps a message for so long. A second one in its place does no harm.
            let gone = jobs.into_iter().zip(found).filter(|((_, _, long), is_there)| *long || !is_there);
            for ((job, push_id, _), _) in gone {
                lost.push(job);
                pushes.push(push_id);
            }
        }
        if lost.is_empty() {
            return Ok(0);
        }
        let statement = client
            .prepare_cached(
                "update jobs set state = 'owed', available_at = clock_timestamp(), queued_at = null \
                 where job_id in (select job_id from jobs \
                     join unnest($1::uuid[], $2::text[]) as lost (job_id, push_id) using (job_id, push_id) \
                     where state = 'queued' for update of jobs skip locked)",
            )
            .await?;
        let owed = client.execute(&statement, &[&lost, &pushes]).await? as usize;
        tracing::warn!(owed, "Redis lost jobs; they are owed again");
        self.live().ring_outbox();
        Ok(owed)
    }

    /// Whether each of these messages is still on its way.
    async fn look_for(
        &self,
        queue: &str,
        jobs: &[(Uuid, String, bool)],
        patience: Duration,
    ) -> Result<Vec<bool>, StoreError> {
        let queue: Queue = queue.parse().map_err(|error| StoreError::damaged("a job's queue", error))?;
        let config = self.queue_config(&queue);
        let script = redis::Script::new(LOOK);
        let mut look = script.key(config.active_jobs_list());
        look.key(config.job_meta_hash()).arg(SEEN_TAKEN).arg(patience.as_secs_f64());
        for (_, push_id, _) in jobs {
            look.arg(push_id);
        }
        Ok(look.invoke_async(&mut self.redis()).await?)
    }

    /// Messages that were worked off stay in Redis until somebody clears them.
    async fn clear_finished_messages(&self) -> Result<(), StoreError> {
        let runners = self.runners().await?;
        let queues = runners.iter().map(|runner| Queue::Runner(runner.runner_id));
        for queue in [Queue::Provision, Queue::Judge].into_iter().chain(queues) {
            self.clear_finished(&queue, FINISHED).await?;
        }
        Ok(())
    }

    async fn tell(&self, session: SessionId, command: SessionCommand) -> Result<(), StoreError> {
        let by = Provenance { actor: Actor::System("reconciler"), request: RequestId(Uuid::now_v7()) };
        match self.execute::<Session>(session.0, command, &by).await {
            Ok(_) => Ok(()),
            Err(CommandError::Store(error)) if error.is_unavailable() => Err(error),
            // One damaged session must not keep the others from their end.
            Err(CommandError::Store(error)) => {
                tracing::error!(%session, %error, "a session cannot be told to end");
                Ok(())
            }
            // Somebody else was quicker; the next round looks again.
            Err(error) => {
                tracing::debug!(%session, %error, "the session did not take the reconciler's word");
                Ok(())
            }
        }
    }

    async fn session_ids(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<SessionId>, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, parameters).await?;
        rows.iter().map(|row| Ok(SessionId(column(row, "session_id")?))).collect()
    }
}

/// The right to do a round: a lock that PostgreSQL gives to one transaction at a time.
struct Turn {
    client: Option<Object>,
}

/// A process that stands still in the middle of its round must not keep all others from theirs: PostgreSQL ends a
/// transaction of which nothing was heard for two seconds. Two rounds side by side do no harm.
const BEGIN: &str = "begin; set local idle_in_transaction_session_timeout = 2000";

impl Turn {
    async fn take(store: &Store) -> Result<Option<Self>, StoreError> {
        let client = store.database().await?;
        let key = format!("containrlab reconciler {}", store.settings().namespace);
        let statement = client
            .prepare_cached("select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as mine")
            .await?;
        client.batch_execute(BEGIN).await?;
        let turn = Self { client: Some(client) };
        let Some(client) = &turn.client else { return Ok(None) };
        let mine: bool = column(&client.query_one(&statement, &[&key]).await?, "mine")?;
        if mine {
            return Ok(Some(turn));
        }
        turn.give_back().await;
        Ok(None)
    }

    async fn give_back(mut self) {
        if let Some(client) = &self.client
            && client.batch_execute("commit").await.is_ok()
        {
            self.client = None;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A round that was broken off: the lock goes with its connection, which must not return to the pool.
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
