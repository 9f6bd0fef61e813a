//! The reconciler: finds what got lost between the ledger, Redis and the workers, and what has run out of time.
//!
//! Every round asks PostgreSQL, whose clock decides. One process at a time does a round; any number may try.

mod messages;
mod sessions;

use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::faults::{self, hastened};
use crate::round::Round;
use crate::rows::column;
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

/// From when on a process that says nothing in its round loses its turn: sessions have to end on time all the same.
const SILENCE: Duration = Duration::from_secs(1);

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
        let mut others = Others::seen_now();
        let mut well = true;
        for round in 1_u64.. {
            tokio::time::sleep(pace.between_rounds).await;
            let others_had_time = others.had_time(pace.runner_silence);
            let asked = Instant::now();
            let done = match self.reconcile(pace, others_had_time).await {
                Ok(_) if round % CLEAR_EVERY == 0 => self.clear_finished_messages().await,
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            let away = matches!(&done, Err(StoreError::DatabaseUnreachable(_) | StoreError::CommitUnknown));
            if away || asked.elapsed() > SLOW {
                others = Others::seen_now();
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
        let Some(turn) = self.take_turn().await? else { return Ok(None) };
        faults::point("turn_taken");
        let found = self.round(pace, others_had_time && asked.elapsed() <= SLOW).await;
        // Whoever stood still has lost it, and did no harm: what a round says holds only while it is still so.
        if let Err(error) = turn.roll_back().await {
            tracing::info!(%error, "the reconciler's turn was over before its round");
        }
        let found = found?;
        if found != Reconciled::default() {
            tracing::info!(?found, "reconciled");
        }
        Ok(Some(found))
    }

    /// The right to do a round, which PostgreSQL gives to one transaction at a time. Two rounds side by side would do no harm,
    /// so it is taken from a process that stands still.
    async fn take_turn(&self) -> Result<Option<Round>, StoreError> {
        let client = self.database().await?;
        let key = format!("containrlab reconciler {}", self.settings().namespace);
        let lock = "select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as mine";
        let statement = client.prepare_cached(lock).await?;
        let (turn, rows) = Round::begin(client, SILENCE, &statement, &[&key]).await?;
        if rows.first().is_some_and(|row| column(row, "mine").unwrap_or(false)) {
            return Ok(Some(turn));
        }
        turn.roll_back().await?;
        Ok(None)
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
                "update jobs set state = case when kind = any($1) then 'done' else 'owed' end, \
                   available_at = clock_timestamp(), queued_at = null \
                 where job_id in (select job_id from jobs where state = 'held' \
                     and lease_until < clock_timestamp() for update skip locked) \
                 returning job_id, kind, starts",
            )
            .await?;
        // None, but in the test that makes sure that it would be noticed.
        let dropped: &[&str] =
            if faults::defect("lapsed_jobs_are_dropped") { &["build", "run", "exec", "judge"] } else { &[] };
        let rows = client.query(&statement, &[&dropped]).await?;
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

    async fn delete_expired_logins(&self) -> Result<u64, StoreError> {
        let client = self.database().await?;
        let passes = "delete from preview_passes where expires_at <= clock_timestamp()";
        client.execute(&client.prepare_cached(passes).await?, &[]).await?;
        let logins = "delete from logins where expires_at <= clock_timestamp()";
        Ok(client.execute(&client.prepare_cached(logins).await?, &[]).await?)
    }
}

/// What the silence of others means. After the whole system was down, or PostgreSQL was, or this machine slept, every runner
/// looks silent and every lease has run out: they get time to speak first.
struct Others {
    /// Since when they could be heard.
    heard_since: Instant,
    /// By the clock on the wall, which goes on while a machine sleeps.
    looked_at: SystemTime,
}

impl Others {
    fn seen_now() -> Self {
        Self { heard_since: Instant::now(), looked_at: SystemTime::now() }
    }

    /// Whether whoever was silent for so long could have been heard. Asked in every round.
    fn had_time(&mut self, silence: Duration) -> bool {
        let before = std::mem::replace(&mut self.looked_at, SystemTime::now());
        // A clock that was set has the same effect as a process that stood still; nothing is lost by waiting.
        if self.looked_at.duration_since(before).is_ok_and(|since| since < silence / 2) {
            return self.heard_since.elapsed() > silence;
        }
        self.heard_since = Instant::now();
        false
    }
}
