//! Servers that are away, and connections that break at the worst moment.

use containrlab_domain::ids::SessionId;
use containrlab_domain::session::Session;
use containrlab_store::testing::{Cut, Proxy, TestStore};
use containrlab_store::{CommandError, JobRowState, Settings, Store, StoreError};
use uuid::Uuid;

use crate::support::{by, eventually, learner, request, requested};

/// A store whose way to PostgreSQL leads over a wire that can be cut.
async fn behind_wire(store: &TestStore) -> (Store, Proxy) {
    let proxy = Proxy::before(&store.settings().database_url).await;
    let settings = Settings { database_url: proxy.url(), ..store.settings().clone() };
    (Store::connect(settings).await.unwrap(), proxy)
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_to_have_happened() {
    let store = TestStore::new().await;
    let (behind, proxy) = behind_wire(&store).await;
    let session = SessionId(Uuid::new_v4());
    proxy.cut_at(b"COMMIT", Cut::After);
    let done = behind.execute::<Session>(session.0, request(session, learner(), "lab1", 60), &by()).await;
    assert!(proxy.was_cut());
    assert_eq!(done.unwrap().version, 1);
    assert_eq!(store.load::<Session>(session.0).await.unwrap().1, 1);
    assert_eq!(store.jobs_of(session).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_found_not_to_have_happened() {
    let store = TestStore::new().await;
    let (behind, proxy) = behind_wire(&store).await;
    let session = SessionId(Uuid::new_v4());
    proxy.cut_at(b"COMMIT", Cut::Before);
    let lost = behind.execute::<Session>(session.0, request(session, learner(), "lab1", 60), &by()).await;
    assert!(proxy.was_cut());
    assert!(matches!(&lost, Err(CommandError::Store(error)) if error.is_unavailable()), "{lost:?}");
    assert!(!matches!(lost, Err(CommandError::Store(StoreError::CommitUnknown))), "it can be known");
    assert_eq!(store.load::<Session>(session.0).await.unwrap().1, 0);
    assert_eq!(store.session(session).await.unwrap(), None);
}

#[tokio::test]
async fn while_postgresql_is_away_it_says_so_and_afterwards_it_goes_on() {
    let store = TestStore::new().await;
    let (behind, proxy) = behind_wire(&store).await;
    let (session, _) = requested(&behind, learner(), "lab1").await;
    proxy.refuse();
    let error = behind.session(session).await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("PostgreSQL"), "{error}");
    let refused =
        behind.execute::<Session>(Uuid::new_v4(), request(session, learner(), "lab1", 60), &by()).await;
    assert!(matches!(&refused, Err(CommandError::Store(error)) if error.is_unavailable()), "{refused:?}");
    proxy.accept();
    eventually("it answers again", async || behind.session(session).await.is_ok()).await;
}

#[tokio::test]
async fn while_redis_is_away_commands_go_on_and_jobs_wait() {
    let store = TestStore::new().await;
    let proxy = Proxy::before(&store.settings().redis_url).await;
    let behind =
        Store::connect(Settings { redis_url: proxy.url(), ..store.settings().clone() }).await.unwrap();
    // A commit that waited for Redis would wait for ever.
    proxy.go_silent(true);
    let (_, job) = requested(&behind, learner(), "lab1").await;
    proxy.refuse();
    proxy.go_silent(false);
    let error = behind.relay_once().await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("Redis"), "{error}");
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Owed);
    proxy.accept();
    eventually("the relay pushes again", async || behind.relay_once().await.is_ok()).await;
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobRowState::Queued);
}

#[tokio::test]
async fn servers_that_are_not_there_are_told_apart() {
    let store = TestStore::new().await;
    // Nobody listens on port 1 of this machine.
    let settings = Settings { redis_url: "redis://127.0.0.1:1".to_owned(), ..store.settings().clone() };
    let error = Store::connect(settings).await.err().unwrap();
    assert!(error.is_unavailable() && error.to_string().contains("REDIS_URL"), "{error}");
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    let error =
        Store::connect(Settings { database_url: nowhere, ..store.settings().clone() }).await.err().unwrap();
    assert!(error.is_unavailable() && error.to_string().contains("DATABASE_URL"), "{error}");
    let wrong = "http://example.invalid".to_owned();
    let error =
        Store::connect(Settings { database_url: wrong, ..store.settings().clone() }).await.err().unwrap();
    assert!(!error.is_unavailable() && error.to_string().contains("DATABASE_URL"), "{error}");
}

#[tokio::test]
async fn connections_that_the_server_closes_are_replaced() {
    let store = TestStore::new().await;
    let (session, _) = requested(&store, learner(), "lab1").await;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity \
                where datname = current_database() and pid <> pg_backend_pid()";
    store.sql().await.execute(kill, &[]).await.unwrap();
    eventually("it answers again", async || store.session(session).await.is_ok()).await;
}
