//! What the simplest thing that could work costs, for `containrlab bench` to measure beside ours in the same run. Nothing else
//! calls this, and it writes to tables of its own.

use std::time::{Duration, Instant};

use futures::StreamExt;
use redis::aio::PubSubStream;
use serde_json::json;
use uuid::Uuid;

use crate::queue::Queue;
use crate::{Settings, Store, StoreError};

/// So long that nobody who is measured is ever woken by the clock.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// A store in which only bells wake anybody: what is found was found by a bell.
///
/// # Errors
/// As [`Store::connect`].
pub async fn connect_on_bells(settings: Settings) -> Result<Store, StoreError> {
    Store::connect_with_tick(settings, NEVER).await
}

/// As `events`, with its indexes and constraints, but nobody reads it.
const MAKE: &str = "create table if not exists baseline_events (like events including all)";

/// The rows of a requested session (event, session, job), inserted bare in one transaction: what the ledger has to
/// write for the same command, without loading, deciding, locking and checking.
#[derive(Clone, Copy)]
pub struct RawSessions<'a> {
    store: &'a Store,
}

const EVENT: &str = "insert into baseline_events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
       metadata, session_id) \
     values ('session', $1, 1, 'SessionRequested', '1.0', $2, $3, $1)";

const SESSION: &str = "insert into baseline_sessions (session_id, learner_id, lab_slug, lab_version, origin, phase, requested_at) \
     values ($1, $2, 'lab1', $3, $4, 'starting', now())";

const JOB: &str = "insert into baseline_jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, \
       requested_at, available_at) \
     values ($1, 'provision', 'provision', 10, $2, $2, $3, now(), now())";

impl<'a> RawSessions<'a> {
    /// Makes the tables, with the indexes and constraints of the real ones.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away or not migrated.
    pub async fn prepare(store: &'a Store) -> Result<Self, StoreError> {
        let make = format!(
            "{MAKE}; create table if not exists baseline_sessions (like sessions including all); \
             create table if not exists baseline_jobs (like jobs including all)"
        );
        store.database().await?.batch_execute(&make).await?;
        Ok(Self { store })
    }

    /// Inserts the rows of one session.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn insert(&self) -> Result<(), StoreError> {
        let (session, learner, job) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::now_v7());
        let version = "0".repeat(64);
        let origin = json!({ "from": "starter" });
        let payload = json!({ "type": "requested", "session": session, "learner": learner, "provision_job": job,
            "lab": { "slug": "lab1", "version": version }, "origin": origin, "ttl_seconds": 60 });
        let metadata = json!({ "actor": "system:bench", "request": session });
        let mut database = self.store.database().await?;
        let transaction = database.transaction().await?;
        let event = transaction.prepare_cached(EVENT).await?;
        transaction.execute(&event, &[&session, &payload, &metadata]).await?;
        let row = transaction.prepare_cached(SESSION).await?;
        transaction.execute(&row, &[&session, &learner, &version, &origin]).await?;
        let owed = transaction.prepare_cached(JOB).await?;
        transaction.execute(&owed, &[&job, &session, &learner]).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Sessions of 20 events, of which a projection of labs looks at the first and the last. Written bare: only the log is wanted.
const LONG_LOG: &str = "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
     select 'session', session, n, \
       case n when 1 then 'SessionRequested' when 20 then 'SessionEnded' else 'TerminalClosed' end, '1.0', \
       case n when 1 then jsonb_build_object('type', 'requested', 'session', session, 'learner', session, \
           'lab', jsonb_build_object('slug', 'lab' || get_byte(uuid_send(session), 0) % 8, 'version', repeat('0', 64)), \
           'origin', '{\"from\": \"starter\"}'::jsonb, 'provision_job', session, 'ttl_seconds', 1800) \
         when 20 then '{\"type\": \"ended\", \"reason\": {\"code\": \"expired\"}}' \
         else '{\"type\": \"terminal_closed\", \"terminal\": \"main\", \"exit_code\": 0}' end, \
       '{\"actor\": \"system:bench\", \"request\": \"00000000-0000-4000-8000-000000000000\"}' \
     from (select gen_random_uuid() as session from generate_series(1, $1::bigint)) as sessions, generate_series(1, 20) as n";

/// Makes the log longer by so many events, rounded to whole sessions of 20, as quickly as PostgreSQL can.
///
/// # Errors
/// [`StoreError`] when the database is away or not migrated.
pub async fn lengthen_log(store: &Store, events: u64) -> Result<(), StoreError> {
    const AT_ONCE: u64 = 1000;
    let mut sessions = events / 20;
    let database = store.database().await?;
    while sessions > 0 {
        let now = sessions.min(AT_ONCE);
        database.execute(LONG_LOG, &[&crate::rows::signed(now)]).await?;
        sessions -= now;
    }
    // As autovacuum would have done by the time that a log is so long.
    database.batch_execute("vacuum analyze events").await?;
    Ok(())
}

/// Of each kind: the queue, the priority, how many of ten jobs, and learners. Nobody works any of them off.
const BACKLOG: &str = "insert into jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
       available_at) \
     select gen_random_uuid(), 'judge', queue, priority, gen_random_uuid(), $2, \
       (lpad(to_hex(n % learners), 8, '0') || '-0000-4000-8000-00000000000b')::uuid, now(), now() \
     from (values ('provision', 10, 4, 5000), ('judge', 10, 4, 40), ('judge', 20, 2, 40)) \
         as kinds (queue, priority, tenths, learners), \
       generate_series(1, $1::bigint * tenths / 10) as n";

/// Jobs that are owed and never worked off, in the queues that all runners share: of many learners, and many of a few. They go with
/// [`Backlog::forget`].
pub struct Backlog {
    store: Store,
    /// The session that all of them say they are for.
    session: Uuid,
}

impl Backlog {
    /// Owes so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away or not migrated.
    pub async fn owe(store: &Store, jobs: u64) -> Result<Self, StoreError> {
        let session = Uuid::new_v4();
        let database = store.database().await?;
        database.execute(BACKLOG, &[&crate::rows::signed(jobs), &session]).await?;
        database.batch_execute("analyze jobs").await?;
        // Redis gets its share of them.
        while store.relay_once().await? > 0 {}
        Ok(Self { store: store.clone(), session })
    }

    /// Deletes them.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn forget(self) -> Result<(), StoreError> {
        let database = self.store.database().await?;
        database.execute("delete from jobs where session_id = $1", &[&self.session]).await?;
        database.batch_execute("vacuum analyze jobs").await?;
        for queue in [Queue::Provision, Queue::Judge] {
            let config = self.store.queue_config(&queue);
            let messages = (config.active_jobs_list(), config.job_data_hash());
            redis::cmd("DEL").arg(messages).query_async::<()>(&mut self.store.redis()).await?;
        }
        Ok(())
    }
}

/// The least that brings work to somebody else: a message over Redis that wakes them, and one query by which they take it.
pub struct BareBell {
    store: Store,
    channel: String,
    rings: PubSubStream,
}

const OWE: &str = "insert into baseline_jobs (job_id, kind, queue, priority, aggregate_id, session_id, learner_id, requested_at, \
       available_at) values ($1, 'exec', 'bell', 10, $1, $1, $1, now(), now())";

const TAKE: &str = "update baseline_jobs set state = 'held', lease = $1 where job_id = ( \
       select job_id from baseline_jobs where queue = 'bell' and state = 'owed' \
       order by priority, requested_at limit 1 for update skip locked) returning job_id";

impl BareBell {
    /// Hangs it up.
    ///
    /// # Errors
    /// [`StoreError`] when a database is away.
    pub async fn hang(store: &Store) -> Result<Self, StoreError> {
        RawSessions::prepare(store).await?;
        let channel = format!("{}:baseline:{}", store.settings().namespace, Uuid::new_v4());
        let client = redis::Client::open(store.settings().redis_url.as_str())?;
        let (mut sink, rings) = client.get_async_pubsub().await?.split();
        sink.subscribe(&channel).await?;
        Ok(Self { store: store.clone(), channel, rings })
    }

    /// Rings it once, and says how long it took until whoever heard it had taken the work.
    ///
    /// # Errors
    /// [`StoreError`] when a database is away.
    pub async fn ring(&mut self) -> Result<Duration, StoreError> {
        let database = self.store.database().await?;
        let owe = database.prepare_cached(OWE).await?;
        database.execute(&owe, &[&Uuid::new_v4()]).await?;
        let take = database.prepare_cached(TAKE).await?;
        let mut redis = self.store.redis();
        let rung = Instant::now();
        let publish = async {
            redis::cmd("PUBLISH").arg(&self.channel).arg("x").query_async::<()>(&mut redis).await?;
            Ok(())
        };
        let hear = async {
            self.rings.next().await;
            database.execute(&take, &[&Uuid::new_v4()]).await?;
            Ok::<_, StoreError>(rung.elapsed())
        };
        let ((), took) = futures::future::try_join(publish, hear).await?;
        Ok(took)
    }
}
