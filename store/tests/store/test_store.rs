//! Migrations, and the tests' own store.

use containrlab_store::migrate;
use containrlab_store::testing::TestStore;

use crate::support::{learner, requested};

#[tokio::test]
async fn migrating_again_does_nothing() {
    let store = TestStore::new().await;
    let url = &store.settings().database_url;
    let (one, two) = tokio::join!(migrate(url), migrate(url));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.applied.is_empty() && two.applied.is_empty());
    assert!(one.version >= 3);
}

#[tokio::test]
async fn a_test_leaves_nothing_behind() {
    let keeper = TestStore::new().await;
    let store = TestStore::new().await;
    requested(&store, learner(), "lab1").await;
    store.relay_once().await.unwrap();
    let (database, redis_url) = (store.settings().namespace.clone(), store.settings().redis_url.clone());
    let client = redis::Client::open(redis_url).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys = async || -> Vec<String> {
        redis::cmd("KEYS").arg(format!("{database}:*")).query_async(&mut redis).await.unwrap()
    };
    assert!(!keys().await.is_empty());
    drop(store);
    assert!(keys().await.is_empty());
    let sql = keeper.sql().await;
    let found = sql.query("select from pg_database where datname = $1", &[&database]).await.unwrap();
    assert!(found.is_empty());
}
