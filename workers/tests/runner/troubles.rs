//! Trouble in a real sandbox that lives on: found, named, written down. One story, because a sandbox costs seconds.

use std::time::{Duration, Instant};

use containrlab_domain::ids::{LearnerId, SessionId};
use containrlab_domain::session::{Origin, Phase, Trouble};
use containrlab_store::testing::TestStore;
use uuid::Uuid;

use crate::client::Client;
use crate::house::{content, exec, log_of, request_session, until, until_done, until_phase};
use crate::whole::Whole;

/// What the ledger has of trouble in a session, in order.
async fn told(store: &TestStore, session: SessionId) -> Vec<Trouble> {
    let sql = "select payload ->> 'trouble' from events where aggregate_id = $1 and event_type = 'SandboxTroubled' \
               order by sequence";
    let rows = store.sql().await.query(sql, &[&session.0]).await.expect("the events");
    let codes = rows.iter().map(|row| row.get::<_, String>(0));
    codes.map(|code| serde_json::from_value(code.into()).expect("a trouble")).collect()
}

/// Waits until one kind is told, exactly once.
async fn until_told(store: &TestStore, session: SessionId, trouble: Trouble) {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let told = told(store, session).await;
        let count = told.iter().filter(|seen| **seen == trouble).count();
        assert!(count <= 1, "{told:?}");
        if count == 1 {
            break;
        }
        assert!(Instant::now() < deadline, "{trouble:?} is not among {told:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let row = store.session(session).await.expect("a read").expect("the session");
    assert_eq!(row.phase, Phase::Ready, "it lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_trouble_is_told_once_and_the_session_goes_on() {
    let whole = Whole::with(|sandboxes| {
        sandboxes.limits.memory_bytes = 400 << 20;
        sandboxes.limits.disk_bytes = 256 << 20;
        sandboxes.limits.pids = 300;
    })
    .await;
    let runner = whole.start_runner().await;
    let store = &whole.store;
    let lab = whole.lab("lab1").reference();
    let session = request_session(store, LearnerId(Uuid::now_v7()), lab, Origin::Starter).await;
    until_phase(store, session, Phase::Ready).await;

    let act = async |script: &str| drop(until_done(store, exec(store, session, script).await).await);
    act("tail /dev/zero").await;
    until_told(store, session, Trouble::OutOfMemory).await;
    act("for n in $(seq 400); do sleep 5 & done; true").await;
    until_told(store, session, Trouble::TooManyProcesses).await;
    act("head -c 400000000 /dev/urandom > /tmp/big; sync").await;
    until_told(store, session, Trouble::DiskFull).await;
    act("rm /tmp/big; echo kept > note; pkill -KILL dockerd").await;
    until_told(store, session, Trouble::EngineDied).await;
    let mut client = Client::connect(runner.gateway, session, 0).await;
    client.send("cat note; yes flooding\n").await;
    client.until("kept\r\n").await;
    drop(client);
    until_told(store, session, Trouble::OutputFlood).await;
    let row = store.session(session).await.expect("a read").expect("the session");
    assert_eq!(row.trouble.expect("the last one").0, Trouble::OutputFlood);
}

/// What a learner does to their engine, what is told of it, and how it comes back, if it does.
const SPOILT: [(&str, Trouble, Option<&str>); 6] = [
    (
        // Its engine starts, and lists all images.
        "docker run --rm --volume $engine:/engine busybox sh -c 'for layer in /engine/overlay2/*/diff; do mv $layer $layer.gone; done'",
        Trouble::ImageStoreDamaged,
        None,
    ),
    (
        "head -c 65536 /dev/urandom > $(find $engine/containerd -name meta.db)",
        Trouble::ImageStoreDamaged,
        None,
    ),
    (
        "for list in $engine/image/*/repositories.json; do echo nonsense > $list; done",
        Trouble::ImageStoreDamaged,
        None,
    ),
    (
        // As root: what lies there belongs to other numbers than the learner's.
        "docker run --rm --volume $engine:/engine busybox sh -c 'mv /engine/overlay2 /engine/gone; : > /engine/overlay2'",
        Trouble::ImageStoreDamaged,
        None,
    ),
    (
        "mkdir -p ~/.config/docker; echo '{ \"storage-driver\": \"zfs\" }' > ~/.config/docker/daemon.json",
        Trouble::EngineFailed,
        Some("rm ~/.config/docker/daemon.json"),
    ),
    (
        "mkdir -p ~/.config/docker; echo nonsense > ~/.config/docker/daemon.json",
        Trouble::EngineMisconfigured,
        Some("rm ~/.config/docker/daemon.json"),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_does_not_come_back_is_told_with_its_cause() {
    let whole = Whole::with_few_images(|_| {}).await;
    let _runner = whole.start_runner().await;
    let store = &whole.store;
    let lab = whole.lab("lab1").reference();
    let spoil = async |(how, trouble, mend): (&str, Trouble, Option<&str>)| {
        let session = request_session(store, LearnerId(Uuid::now_v7()), lab.clone(), Origin::Starter).await;
        until_phase(store, session, Phase::Ready).await;
        let act = async |script: &str| drop(until_done(store, exec(store, session, script).await).await);
        act(&format!("engine=/var/lib/containrlab/docker; echo kept > note; {how}; pkill -KILL dockerd"))
            .await;
        until_told(store, session, trouble).await;
        let row = store.session(session).await.expect("a read").expect("the session");
        assert_eq!(row.trouble.expect("the last one").0, trouble, "{how}");
        until("the files are kept", async || {
            content(store, session, "note").await.as_deref() == Some("kept\n")
        })
        .await;
        if let Some(mend) = mend {
            act(mend).await;
            // The agent tries again every half minute.
            until_told(store, session, Trouble::EngineDied).await;
            let row =
                until_done(store, exec(store, session, "docker run --rm busybox echo works").await).await;
            assert_eq!(log_of(store, &row).await, "works\n", "{how}");
        }
    };
    futures::future::join_all(SPOILT.map(spoil)).await;
}
