//! Tickets and passes for previews.

use std::time::Duration;

use containrlab_domain::ids::{LearnerId, SessionId};
use containrlab_store::testing::TestStore;
use uuid::Uuid;

const WHILE: Duration = Duration::from_secs(60);

async fn signed_in(store: &TestStore) -> (LearnerId, String) {
    let learner = LearnerId(Uuid::new_v4());
    let login = store.create_login(learner, WHILE).await.unwrap();
    (learner, login)
}

#[tokio::test]
async fn a_ticket_becomes_one_pass_for_one_port() {
    let store = TestStore::new().await;
    let (learner, login) = signed_in(&store).await;
    let (session, other) = (SessionId(Uuid::new_v4()), SessionId(Uuid::new_v4()));
    let ticket = store.preview_ticket(&login, session, 8080).await.unwrap();
    assert_eq!(store.preview_holder(&ticket, session, 8080).await.unwrap(), None, "a ticket is no pass");
    assert_eq!(store.preview_pass(&ticket, session, 80, WHILE).await.unwrap(), None);
    assert_eq!(store.preview_pass(&ticket, other, 8080, WHILE).await.unwrap(), None);
    let pass = store.preview_pass(&ticket, session, 8080, WHILE).await.unwrap().unwrap();
    assert_eq!(store.preview_pass(&ticket, session, 8080, WHILE).await.unwrap(), None, "it counts once");
    assert_eq!(store.preview_pass(&pass, session, 8080, WHILE).await.unwrap(), None, "a pass is no ticket");
    assert_eq!(store.preview_holder(&pass, session, 8080).await.unwrap(), Some(learner));
    assert_eq!(store.preview_holder(&pass, session, 8081).await.unwrap(), None);
    assert_eq!(store.preview_holder(&pass, other, 8080).await.unwrap(), None);
    assert_eq!(store.preview_holder(&login, session, 8080).await.unwrap(), None);
}

#[tokio::test]
async fn a_pass_ends_with_its_time_and_with_the_sign_in() {
    let store = TestStore::new().await;
    let (learner, login) = signed_in(&store).await;
    let session = SessionId(Uuid::new_v4());
    let pass = async |ttl| {
        let ticket = store.preview_ticket(&login, session, 8080).await.unwrap();
        store.preview_pass(&ticket, session, 8080, ttl).await.unwrap().unwrap()
    };
    let (short, long) = (pass(Duration::ZERO).await, pass(WHILE).await);
    assert_eq!(store.preview_holder(&short, session, 8080).await.unwrap(), None);
    assert_eq!(store.preview_holder(&long, session, 8080).await.unwrap(), Some(learner));
    store.reconcile(Default::default(), true).await.unwrap().unwrap();
    let left = "select count(*) from preview_passes";
    assert_eq!(store.sql().await.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 1);
    store.delete_login(&login).await.unwrap();
    assert_eq!(store.preview_holder(&long, session, 8080).await.unwrap(), None);
    assert_eq!(store.sql().await.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}
