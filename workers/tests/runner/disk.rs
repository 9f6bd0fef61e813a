//! A disk that carries no further sandbox, on a volume store of its own.

use containrlab_domain::ids::{LearnerId, SessionId};
use containrlab_domain::session::{Origin, Phase};
use uuid::Uuid;

use crate::gateway;
use crate::house::{exec, log_of, request_session, until, until_done, until_phase};
use crate::whole::Whole;

async fn request(whole: &Whole) -> SessionId {
    let lab = whole.lab("lab1").reference();
    request_session(&whole.store, LearnerId(Uuid::now_v7()), lab, Origin::Starter).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_waits_in_line_while_the_disk_does_not_carry_it() {
    let whole = Whole::with_few_images(|sandboxes| {
        sandboxes.state_dir = sandboxes.state_dir.join(format!("disk-{}", Uuid::new_v4().simple()));
        sandboxes.store_bytes = 4 << 30;
        sandboxes.limits.disk_bytes = 4 << 30;
    })
    .await;
    let store = &whole.store;
    let free = whole.sandboxes.disk_space().await.expect("measured").free_bytes;
    // Enough for two learners and the judge, and then some, but not for one more.
    let runner = whole.start_runner_with(|settings| settings.disk_promised_bytes = free * 2 / 7).await;
    let carried = async || gateway::json(runner.gateway, "/healthz").await["carried_by_disk"].as_u64();
    assert_eq!(carried().await, Some(2));

    let first = request(&whole).await;
    until_phase(store, first, Phase::Ready).await;
    let fill = format!("fallocate --length {} /tmp/big && sync", free * 4 / 7);
    let filled = until_done(store, exec(store, first, &fill).await).await;
    assert_eq!(log_of(store, &filled).await, "");
    until("the runner notices", async || carried().await == Some(1)).await;

    let second = request(&whole).await;
    let counted = async || gateway::json(runner.gateway, "/counters").await["jobs_put_off_for_disk"].as_u64();
    until("it is put off, and counted", async || counted().await > Some(0)).await;
    let waiting = store.session(second).await.expect("a read").expect("the session");
    assert_eq!(waiting.phase, Phase::Starting);
    assert_eq!(store.place_in_line(second).await.expect("a read"), Some(1));
    assert_eq!(whole.sandboxes.list().await.expect("a list").len(), 1);

    until_done(store, exec(store, first, "rm /tmp/big && sync").await).await;
    until_phase(store, second, Phase::Ready).await;
    assert_eq!(whole.sandboxes.list().await.expect("a list").len(), 2);
}
