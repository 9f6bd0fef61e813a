//! The line for a sandbox.

use containrlab_domain::ids::{JobId, SessionId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use containrlab_store::testing::TestStore;
use uuid::Uuid;

use crate::support::{by, claim, learner, requested, runner};

#[tokio::test]
async fn who_waits_knows_their_place() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let greedy = learner();
    let (first, _) = requested(&store, greedy, "lab1").await;
    let (second_of_greedy, _) = requested(&store, greedy, "lab2").await;
    let (other, _) = requested(&store, learner(), "lab1").await;
    let place = async |session: SessionId| store.place_in_line(session).await.unwrap();
    assert_eq!(place(first).await, Some(1));
    assert_eq!(place(other).await, Some(2), "everybody's first comes before anybody's second");
    assert_eq!(place(second_of_greedy).await, Some(3));

    // Pushed or not makes no difference to the place.
    store.relay_once().await.unwrap();
    assert_eq!(place(other).await, Some(2));

    let take = SessionCommand::StartProvisioning { claim: claim(runner) };
    store.execute::<Session>(first.0, take, &by()).await.unwrap();
    assert_eq!(place(first).await, None, "it is being served");
    let leave = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
    store.execute::<Session>(other.0, leave, &by()).await.unwrap();
    assert_eq!(place(other).await, None);
    assert_eq!(place(second_of_greedy).await, Some(1));
    assert_eq!(place(SessionId(Uuid::new_v4())).await, None);
}
