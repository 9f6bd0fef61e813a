//! Sign-ins.

use std::time::Duration;

use containrlab_domain::ids::LearnerId;
use containrlab_domain::learner::{Learner, LearnerCommand, Provider};
use containrlab_store::testing::TestStore;
use uuid::Uuid;

use crate::support::by;

async fn ada(store: &TestStore) -> LearnerId {
    let learner = LearnerId(Uuid::new_v4());
    let register = LearnerCommand::Register {
        learner,
        provider: Provider::Local,
        subject: "ada".to_owned(),
        name: "Ada".to_owned(),
    };
    store.execute::<Learner>(learner.0, register, &by()).await.unwrap();
    learner
}

#[tokio::test]
async fn a_token_signs_in_until_it_is_deleted() {
    let store = TestStore::new().await;
    let learner = ada(&store).await;
    let token = store.create_login(learner, Duration::from_secs(60)).await.unwrap();
    assert_eq!(token.len(), 64);
    assert_eq!(store.login(&token).await.unwrap().unwrap().name, "Ada");
    assert_eq!(store.login("").await.unwrap(), None);
    assert_eq!(store.login(&"0".repeat(64)).await.unwrap(), None);
    let kept: Vec<u8> =
        store.sql().await.query_one("select token_hash from logins", &[]).await.unwrap().get(0);
    assert_ne!(hex::encode(kept), token, "the table alone lets nobody in");
    store.delete_login(&token).await.unwrap();
    assert_eq!(store.login(&token).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_whose_time_is_up_signs_nobody_in_and_is_cleared_away() {
    let store = TestStore::new().await;
    let learner = ada(&store).await;
    let token = store.create_login(learner, Duration::ZERO).await.unwrap();
    let kept = store.create_login(learner, Duration::from_secs(60)).await.unwrap();
    assert_eq!(store.login(&token).await.unwrap(), None);
    let found = store.reconcile(Default::default(), true).await.unwrap().unwrap();
    assert_eq!(found.logins, 1);
    assert!(store.login(&kept).await.unwrap().is_some());
}
