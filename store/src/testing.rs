//! A store of a test's own: a fresh database on the server that `DATABASE_URL` names, and a Redis namespace. Tests run
//! side by side, and what they made is gone after them, also after a panic.

mod audit;
mod wire;

use std::ops::Deref;
use std::time::Duration;

use tokio_postgres::NoTls;
use url::Url;
use uuid::Uuid;

use crate::{Settings, Store, StoreError, migrate};

pub use audit::{audit, read_models, ready_sessions, unfinished};
pub use wire::{Cut, Proxy};

/// How long the end of a test waits for its database to be gone.
const CLEANING: Duration = Duration::from_secs(5);

/// A store in a database of its own.
pub struct TestStore {
    /// Taken only while it is dropped.
    store: Option<Store>,
    settings: Settings,
    /// The server's database that `DATABASE_URL` names; from there ours is made and dropped.
    admin_url: String,
    database: String,
}

impl TestStore {
    /// Makes the database, migrates it and connects. Must be called within a tokio runtime.
    ///
    /// # Panics
    /// When `DATABASE_URL` or `REDIS_URL` is missing or does not answer: `make test` sets both.
    pub async fn new() -> Self {
        let admin_url = required("DATABASE_URL");
        let redis_url = required("REDIS_URL");
        let id = Uuid::new_v4().simple();
        let database = format!("containrlab_test_{id}");
        let mut url = Url::parse(&admin_url).expect("DATABASE_URL is written as an address");
        url.set_path(&database);
        // It also names the installation to a runner, in Docker's labels.
        let namespace = format!("test-{id}");
        let settings = Settings { database_url: url.to_string(), redis_url, namespace, pool_size: 24 };
        let mut this = Self { store: None, settings, admin_url, database };
        let make = format!("create database {}", this.database);
        as_admin(&this.admin_url, &make)
            .await
            .expect("DATABASE_URL names a server that lets us make databases");
        migrate(&this.settings.database_url).await.expect("a fresh database can be migrated");
        let store = Store::connect(this.settings.clone()).await;
        this.store = Some(store.expect("PostgreSQL and Redis answer"));
        this
    }

    /// What it is connected with: another process' store can be made of it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A second store on the same database, as another process would have it.
    ///
    /// # Panics
    /// When PostgreSQL or Redis does not answer.
    pub async fn another(&self) -> Store {
        Store::connect(self.settings.clone()).await.expect("PostgreSQL and Redis answer")
    }

    /// A connection for what no method of the store does, such as turning a clock.
    ///
    /// # Panics
    /// When PostgreSQL does not answer.
    pub async fn sql(&self) -> deadpool_postgres::Object {
        self.database().await.expect("PostgreSQL answers")
    }

    /// What FLUSHALL does to this store, and to no other test's.
    ///
    /// # Panics
    /// When Redis does not answer.
    pub async fn empty_redis(&self) {
        delete_keys(&self.settings).await.expect("Redis answers");
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        self.store = None;
        let (settings, admin_url) = (self.settings.clone(), self.admin_url.clone());
        let remove = format!("drop database if exists {} with (force)", self.database);
        let (done, cleaned) = std::sync::mpsc::channel();
        // A runtime of its own: the test's may be the one that is panicking.
        std::thread::spawn(move || {
            let clean = || -> std::io::Result<()> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    delete_keys(&settings).await.map_err(std::io::Error::other)?;
                    as_admin(&admin_url, &remove).await.map_err(std::io::Error::other)
                })
            };
            // The test may have stopped waiting.
            let _ = done.send(clean());
        });
        match cleaned.recv_timeout(CLEANING) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("the test's database {} was left behind: {error}", self.database),
            // PostgreSQL drops no database while anybody is just signing in, and who does so may be a task of this
            // very thread: it goes on when we do, and the cleaning with it.
            Err(_) => {}
        }
    }
}

fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `make test`, which starts a private PostgreSQL and Redis for the tests"
        )
    })
}

async fn as_admin(url: &str, sql: &str) -> Result<(), StoreError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(connection);
    let done = client.batch_execute(sql).await;
    drop(client);
    // How the connection ended no longer matters.
    let _ = driver.await;
    Ok(done?)
}

async fn delete_keys(settings: &Settings) -> redis::RedisResult<()> {
    let client = redis::Client::open(settings.redis_url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    // At once, as FLUSHALL does it: half of a message left behind would be a state that Redis never gets into.
    let script = "for _, key in ipairs(redis.call('keys', ARGV[1])) do redis.call('del', key) end";
    let pattern = format!("{}:*", settings.namespace);
    redis::cmd("EVAL").arg(script).arg(0).arg(pattern).query_async::<()>(&mut connection).await?;
    // apalis keeps a list of all queues under a name of its own.
    const QUEUES: &str = "core:apalis:queues:list";
    let queues: Vec<String> =
        redis::cmd("ZRANGE").arg(QUEUES).arg(0).arg(-1).query_async(&mut connection).await?;
    let prefix = format!("{}:", settings.namespace);
    for queue in queues.iter().filter(|queue| queue.starts_with(&prefix)) {
        redis::cmd("ZREM").arg(QUEUES).arg(queue).query_async::<()>(&mut connection).await?;
    }
    Ok(())
}
