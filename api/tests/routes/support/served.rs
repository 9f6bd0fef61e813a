//! A served api.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use containrlab_api::{RunnerToken, Settings, serve};
use containrlab_domain::workspace::WorkspaceLimits;
use containrlab_store::Store;
use containrlab_store::testing::TestStore;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Person;

/// The secret that the api and the stand-in runner share.
pub(crate) const RUNNER_TOKEN: &str = "a-token-for-tests";

/// An api on a port of its own, over a store of its own.
pub(crate) struct Served {
    store: TestStore,
    pub(crate) address: String,
    shutdown: CancellationToken,
    task: Option<JoinHandle<Result<(), containrlab_api::Error>>>,
}

/// Settings as a local installation has them.
pub(crate) fn settings() -> Settings {
    Settings {
        public_url: None,
        local_sign_in: true,
        labs_dir: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../labs")),
        session_ttl: Duration::from_secs(1800),
        workspace_limits: WorkspaceLimits { file_bytes: 64 * 1024, total_bytes: 100 * 1024, entries: 30 },
        preview_domain: None,
        runner_token: RunnerToken::new(RUNNER_TOKEN),
    }
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let store = TestStore::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shutdown = CancellationToken::new();
        let own: Store = Store::clone(&store);
        let task = tokio::spawn(serve(settings, own, listener, shutdown.clone()));
        Self { store, address, shutdown, task: Some(task) }
    }

    /// A second api over the same store, as it is after a restart.
    pub(crate) async fn again(&self) -> (String, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(settings(), Store::clone(&self.store), listener, shutdown.clone()));
        (address, shutdown)
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("no panic").expect("it stops well");
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A connection to the database server that does not go to the database of this api.
    pub(crate) async fn admin(&self) -> tokio_postgres::Client {
        let url = std::env::var("DATABASE_URL").expect("`make test` sets it");
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("PostgreSQL");
        tokio::spawn(connection);
        client
    }

    /// Somebody signed in under a name.
    pub(crate) async fn person(&self, name: &str) -> Person {
        Person::sign_in(&self.address, name).await
    }

    /// Somebody who is not signed in.
    pub(crate) fn stranger(&self) -> Person {
        Person::stranger(&self.address)
    }
}

impl Deref for Served {
    type Target = TestStore;

    fn deref(&self) -> &TestStore {
        &self.store
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
