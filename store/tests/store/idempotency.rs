//! Requests with keys: one works on it, the others get the answer.

use containrlab_store::testing::TestStore;
use containrlab_store::{KeptAnswer, KeyedRequest, RequestClaim, Store};
use futures::future::join_all;

use crate::support::learner;

const ASKED: [u8; 32] = [7; 32];

fn answer() -> KeptAnswer {
    KeptAnswer {
        status: 202,
        headers: vec![("location".to_owned(), "/jobs/1".to_owned())],
        body: bytes::Bytes::from_static(b"{}"),
    }
}

fn mine(asked: KeyedRequest) -> RequestClaim {
    let KeyedRequest::Mine(claim) = asked else { panic!("not to work on: {asked:?}") };
    claim
}

async fn run_out(store: &TestStore) {
    let sql = "update idempotency_keys set lease_until = clock_timestamp() - interval '1 ms'";
    store.sql().await.execute(sql, &[]).await.unwrap();
}

#[tokio::test]
async fn of_many_at_once_one_works_on_it_and_all_get_its_answer() {
    let store = TestStore::new().await;
    let ada = learner();
    let asked = join_all((0..8).map(|_| store.claim_request(ada, "k", &ASKED))).await;
    let (won, others): (Vec<_>, Vec<_>) =
        asked.into_iter().map(Result::unwrap).partition(|asked| matches!(asked, KeyedRequest::Mine(_)));
    assert_eq!(won.len(), 1);
    assert!(others.iter().all(|asked| *asked == KeyedRequest::UnderWay), "{others:?}");
    let claim = mine(won[0].clone());
    assert!(store.answer_request(&claim, &answer()).await.unwrap());
    let again = store.claim_request(ada, "k", &ASKED).await.unwrap();
    assert_eq!(again, KeyedRequest::Answered(answer()));
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_learner() {
    let store = TestStore::new().await;
    let (ada, bob) = (learner(), learner());
    mine(store.claim_request(ada, "k", &ASKED).await.unwrap());
    assert_eq!(store.claim_request(ada, "k", &[8; 32]).await.unwrap(), KeyedRequest::AnotherRequest);
    mine(store.claim_request(bob, "k", &[8; 32]).await.unwrap());
}

#[tokio::test]
async fn what_was_refused_is_decided_anew() {
    let store = TestStore::new().await;
    let ada = learner();
    let claim = mine(store.claim_request(ada, "k", &ASKED).await.unwrap());
    assert!(store.release_request(&claim).await.unwrap());
    mine(store.claim_request(ada, "k", &[8; 32]).await.unwrap());
}

#[tokio::test]
async fn whoever_died_over_it_is_taken_over_from_and_comes_too_late() {
    let store = TestStore::new().await;
    let ada = learner();
    let dead = mine(store.claim_request(ada, "k", &ASKED).await.unwrap());
    run_out(&store).await;
    // A sign of life in time keeps it.
    assert!(store.extend_request(&dead).await.unwrap());
    assert_eq!(store.claim_request(ada, "k", &ASKED).await.unwrap(), KeyedRequest::UnderWay);
    run_out(&store).await;
    let next = mine(store.claim_request(ada, "k", &ASKED).await.unwrap());
    assert!(!store.extend_request(&dead).await.unwrap());
    assert!(!store.answer_request(&dead, &answer()).await.unwrap());
    assert!(!store.release_request(&dead).await.unwrap());
    assert!(store.answer_request(&next, &answer()).await.unwrap());
}

#[tokio::test]
async fn old_answers_are_forgotten() {
    let store = TestStore::new().await;
    let ada = learner();
    for key in ["old", "new"] {
        let claim = mine(store.claim_request(ada, key, &ASKED).await.unwrap());
        store.answer_request(&claim, &answer()).await.unwrap();
    }
    let sql = "update idempotency_keys set created_at = created_at - interval '25 hours' where key = 'old'";
    store.sql().await.execute(sql, &[]).await.unwrap();
    let found = Store::reconcile(&store, containrlab_store::Pace::default(), false).await.unwrap().unwrap();
    assert_eq!(found.answers, 1);
    mine(store.claim_request(ada, "old", &ASKED).await.unwrap());
    assert_eq!(store.claim_request(ada, "new", &ASKED).await.unwrap(), KeyedRequest::Answered(answer()));
}
