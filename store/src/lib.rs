//! The ledger and everything that is kept: PostgreSQL holds the truth, Redis only rings the bells.
//!
//! A command goes through [`Store::execute`]: the aggregate's events are read, the aggregate decides, and the new events,
//! the jobs that they owe and the rows that pages read are written in one transaction. Reads are methods of
//! [`Store`], each beside its table's file. [`queue`] carries owed jobs to Redis and brings back what got lost on the
//! way; [`live`] tells pages and runners that there is something new to read.
//!
//! ```text
//! command ─► ledger ─► events + jobs (outbox) + read models ─► commit ─► bells ─► relay ─► Redis ─► worker ─► command
//!                                                                          └────► pages
//! ```
//!
//! # Architecture invariant
//!
//! This is the only crate that knows SQL, and the only one that talks to PostgreSQL. Redis may be emptied at any
//! moment: nothing in it is anything but a copy of rows of `jobs`, and the reconciler pushes again what was lost.
//! All times (leases, times to live, deadlines) are PostgreSQL's; no clock of this process decides anything.

mod attempts;
pub mod baselines;
mod blobs;
mod error;
pub mod faults;
mod hints;
mod idempotency;
mod jobs;
mod judgements;
mod lab_versions;
pub mod labs;
mod learners;
mod ledger;
mod line;
pub mod live;
mod logins;
mod migrate;
mod pool;
mod previews;
mod projections;
mod projector;
pub mod queue;
mod reconciler;
mod recordings;
mod rejudge;
mod round;
mod rows;
mod runners;
mod sessions;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
mod timeline;
mod tls;
mod transfer;
mod upcasters;
mod workspaces;

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::ids::SessionId;
use deadpool_postgres::{Object, Pool};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use pool::Address;

pub use attempts::{AttemptRow, AttemptState, SessionSeen};
pub use error::StoreError;
pub use hints::ShownHint;
pub use idempotency::{KEPT as ANSWERS_KEPT, KeptAnswer, KeyedRequest, RequestClaim};
pub use jobs::{JobRow, JobRowState};
pub use judgements::JudgementRow;
pub use lab_versions::KeptLab;
pub use learners::LearnerRow;
pub use ledger::{CommandError, Committed, DuplicateOf, Ledger, Recorded, StartOf, StreamContext};
pub use line::Line;
pub use migrate::{MigrationReport, migrate};
pub use projector::{LabStatistics, ProjectionStatus, Rebuilt};
pub use reconciler::{Pace, Reconciled};
pub use recordings::{Chunk, ChunkCode, RecordingKind, RecordingRow, TerminalRow};
pub use rejudge::RejudgePlan;
pub use runners::{NewRunner, RunnerRow, RunnerState};
pub use sessions::{LabState, LabStateWord, SessionRow};
pub use settings::Settings;
pub use timeline::TimelineEntry;
pub use transfer::{Damage, Moved, VerifyReport};

/// How long one start of a job may go without a sign of life from its worker. Workers extend it every 10 s.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long a runner may be silent before it is taken for dead.
pub const RUNNER_SILENCE: Duration = Duration::from_secs(30);

/// How long an answer of Redis may take.
const REDIS_TIMEOUT: Duration = Duration::from_secs(2);

/// The way to everything that is kept. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    pool: Pool,
    /// A connection that the relay need not wait for, however many requests are under way.
    relay_pool: Pool,
    redis: ConnectionManager,
    live: live::Live,
    ledger: Ledger,
}

impl Store {
    /// Reaches PostgreSQL and Redis. Must be called within a tokio runtime, which it uses for its bells.
    ///
    /// # Errors
    /// [`StoreError`] with a sentence that says which of the two cannot be reached, or which setting is wrong.
    pub async fn connect(settings: Settings) -> Result<Self, StoreError> {
        Self::connect_with_tick(settings, live::TICK).await
    }

    async fn connect_with_tick(settings: Settings, tick: Duration) -> Result<Self, StoreError> {
        let address = Address::read(&settings.database_url)?;
        let relay_pool = pool::open(address.for_relay(), 1)?;
        let pool = pool::open(address, settings.pool_size.max(2))?;
        pool.get().await?.query_one("select 1", &[]).await?;
        tls::install_ciphers();
        let client = redis::Client::open(settings.redis_url.as_str()).map_err(|error| {
            StoreError::Setting(format!(
                "REDIS_URL is no Redis address ({error}); it looks like redis://host:6379, or rediss://host:6379 where it is \
                 encrypted"
            ))
        })?;
        let manager = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT));
        let redis = client
            .get_connection_manager_with_config(manager)
            .await
            .map_err(|error| StoreError::RedisUnreachable(error.to_string()))?;
        let live = live::Live::start(client, redis.clone(), settings.namespace.clone(), tick);
        let ledger = Ledger::new(pool.clone(), live.clone());
        Ok(Self { inner: Arc::new(Inner { settings, pool, relay_pool, redis, live, ledger }) })
    }

    /// Whether PostgreSQL and Redis answer.
    ///
    /// # Errors
    /// [`StoreError`] that names the one that does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.database().await?.query_one("select 1", &[]).await?;
        let mut redis = self.inner.redis.clone();
        let _: String = redis::cmd("PING").query_async(&mut redis).await?;
        Ok(())
    }

    /// The event store by itself, for whoever wants cqrs-es' own traits.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The bells of sessions.
    pub fn live(&self) -> &live::Live {
        &self.inner.live
    }

    /// Rings a session's bell: there is something new that is not in the ledger. Commands ring by themselves.
    pub fn ring(&self, session: SessionId) {
        self.inner.live.ring(session);
    }

    /// What it was connected with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// A connection to PostgreSQL.
    pub(crate) async fn database(&self) -> Result<Object, StoreError> {
        Ok(self.inner.pool.get().await?)
    }

    /// The relay's own connection to PostgreSQL.
    pub(crate) async fn relay_database(&self) -> Result<Object, StoreError> {
        Ok(self.inner.relay_pool.get().await?)
    }

    /// A connection to Redis; all share one socket.
    pub(crate) fn redis(&self) -> ConnectionManager {
        self.inner.redis.clone()
    }
}
