//! Warm sandboxes: kept, handed out once, and found again by the next process.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use containrlab_domain::ids::{SandboxId, SessionId};
use containrlab_domain::session::{Origin, Phase};
use containrlab_workers::Settings;
use containrlab_workers::host::{HostedSandbox, SandboxHost, SandboxRequest};
use containrlab_workers::sandbox::{Listed, Role, SandboxError};
use containrlab_workers::settings::WarmSettings;
use containrlab_workers::testing::ProcessSandboxes;

use crate::house::{House, RunnerProcess, request_end, until, until_phase};

fn warm(min: usize, max: usize) -> impl FnOnce(&mut Settings) {
    move |settings| settings.warm = WarmSettings { min, max }
}

/// The sandboxes that nobody has claimed.
async fn unclaimed(house: &House) -> HashSet<SandboxId> {
    let listed = house.sandboxes.list().await.expect("a list");
    listed.iter().filter(|listed| listed.spec.role == Role::Warm).map(|listed| listed.spec.id).collect()
}

async fn until_warm(house: &House, count: usize) -> HashSet<SandboxId> {
    until("as many are warm as should be", async || unclaimed(house).await.len() == count).await;
    // Up, but perhaps not yet in the pool: whoever asks now gets one all the same.
    unclaimed(house).await
}

/// What the ledger says of a session's sandbox: which it is, and whether it was warm.
async fn ready(house: &House, session: SessionId) -> (SandboxId, bool) {
    let row = until_phase(&house.store, session, Phase::Ready).await;
    let sql = "select (payload->>'warm')::boolean from events \
               where session_id = $1 and event_type = 'SandboxReady'";
    let event = house.store.sql().await.query_one(sql, &[&session.0]).await.expect("the event");
    (row.sandbox_id.expect("a sandbox"), event.get(0))
}

#[tokio::test]
async fn a_session_gets_the_one_that_waits_and_the_next_one_is_made() {
    let house = House::new().await;
    let _runner = house.start_runner_with(warm(1, 1)).await;
    let waiting = until_warm(&house, 1).await;
    let first = house.request_session("lab1").await;
    let (sandbox, was_warm) = ready(&house, first).await;
    assert!(was_warm && waiting.contains(&sandbox));
    assert!(house.folder_of(first).await.join("app.py").exists(), "its files are in there");

    let next = until_warm(&house, 1).await;
    assert!(!next.contains(&sandbox));
    let second = house.request_session("lab1").await;
    assert_eq!(ready(&house, second).await, (*next.iter().next().unwrap(), true));
    assert_eq!(until_phase(&house.store, first, Phase::Ready).await.sandbox_id, Some(sandbox));
}

#[tokio::test]
async fn nobody_keeps_warm_what_was_not_asked_for() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.request_session("lab1").await;
    assert!(!ready(&house, session).await.1);
    assert_eq!(house.sandboxes.ids().len(), 1);
}

#[tokio::test]
async fn the_next_process_finds_the_claimed_and_the_unclaimed_ones() {
    let house = House::new().await;
    let runner = house.start_runner_with(warm(1, 1)).await;
    let session = house.request_session("lab1").await;
    let claimed = ready(&house, session).await.0;
    let waiting = until_warm(&house, 1).await;
    runner.kill();

    let runner = house.start_runner_with(warm(1, 1)).await;
    let other = house.request_session("lab1").await;
    assert_eq!(ready(&house, other).await, (*waiting.iter().next().unwrap(), true), "it went on waiting");
    assert_eq!(until_phase(&house.store, session, Phase::Ready).await.sandbox_id, Some(claimed));
    until_warm(&house, 1).await;
    runner.stop().await;

    // One that keeps none warm has no use for it.
    let _runner = house.start_runner().await;
    let kept = [claimed, *waiting.iter().next().unwrap()];
    until("the warm one is gone", async || {
        let ids = house.sandboxes.ids();
        ids.len() == 2 && kept.iter().all(|id| ids.contains(id))
    })
    .await;
}

/// A host that tells how far its runner is, and whose claims may stop half way.
struct Watched {
    inner: Arc<ProcessSandboxes>,
    stall: Stall,
    made: AtomicBool,
    claiming: AtomicBool,
}

/// Where a claim stops.
#[derive(Clone, Copy, PartialEq)]
enum Stall {
    Never,
    BeforeTheClaim,
    AfterTheClaim,
}

impl Watched {
    fn new(house: &House, stall: Stall) -> Arc<Self> {
        let inner = Arc::clone(&house.sandboxes);
        Arc::new(Self { inner, stall, made: AtomicBool::new(false), claiming: AtomicBool::new(false) })
    }

    async fn start_runner(self: &Arc<Self>, house: &House) -> RunnerProcess {
        let mut settings = house.settings();
        warm(1, 1)(&mut settings);
        RunnerProcess::start(&house.store, settings, Arc::clone(self) as Arc<dyn SandboxHost>).await
    }
}

#[async_trait]
impl SandboxHost for Watched {
    async fn create(&self, request: SandboxRequest) -> Result<HostedSandbox, SandboxError> {
        let made = self.inner.create(request).await;
        self.made.store(true, Ordering::SeqCst);
        made
    }
    async fn claim(&self, sandbox: SandboxId, request: SandboxRequest) -> Result<(), SandboxError> {
        if self.stall != Stall::BeforeTheClaim {
            self.inner.claim(sandbox, request).await?;
        }
        self.claiming.store(true, Ordering::SeqCst);
        if self.stall == Stall::Never { Ok(()) } else { std::future::pending().await }
    }
    async fn list(&self) -> Result<Vec<Listed>, SandboxError> {
        self.inner.list().await
    }
    async fn adopt(&self, sandbox: SandboxId) -> Result<HostedSandbox, SandboxError> {
        self.inner.adopt(sandbox).await
    }
    async fn cause_of_death(&self, sandbox: SandboxId) -> Result<Option<String>, SandboxError> {
        self.inner.cause_of_death(sandbox).await
    }
    async fn remove(&self, sandbox: SandboxId) -> Result<(), SandboxError> {
        self.inner.remove(sandbox).await
    }
    async fn sweep(&self) -> Result<(), SandboxError> {
        self.inner.sweep().await
    }
}

/// Kills a runner in the middle of a claim. Gives the session, and the sandbox that it was about to get.
async fn killed_at_a_claim(house: &House, stall: Stall) -> (SessionId, SandboxId) {
    let host = Watched::new(house, stall);
    let runner = host.start_runner(house).await;
    let sandbox = *until_warm(house, 1).await.iter().next().unwrap();
    let session = house.request_session("lab1").await;
    until("the claim is under way", async || host.claiming.load(Ordering::SeqCst)).await;
    runner.kill();
    // As if the lease's time had passed.
    house.store.sql().await.execute("update jobs set lease_until = now()", &[]).await.unwrap();
    (session, sandbox)
}

#[tokio::test]
async fn a_crash_after_a_claim_leaves_nothing_and_gives_nothing_twice() {
    let house = House::new().await;
    let (session, lost) = killed_at_a_claim(&house, Stall::AfterTheClaim).await;
    let _runner = house.start_runner_with(warm(1, 1)).await;
    let sandbox = ready(&house, session).await.0;
    assert_ne!(sandbox, lost, "somebody may have written into it");
    until("it is removed", async || !house.sandboxes.ids().contains(&lost)).await;
    assert!(house.sandboxes.ids().contains(&sandbox));
}

#[tokio::test]
async fn a_crash_before_a_claim_leaves_it_warm() {
    let house = House::new().await;
    let (session, untouched) = killed_at_a_claim(&house, Stall::BeforeTheClaim).await;
    let _runner = house.start_runner_with(warm(1, 1)).await;
    assert_eq!(ready(&house, session).await, (untouched, true));
}

#[tokio::test]
async fn many_at_once_get_one_each_and_never_more_than_there_is_room_for() {
    let house = House::new().await;
    let _runner = house.start_runner_with(warm(2, 3)).await;
    until_warm(&house, 2).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(house.request_session("lab1").await);
    }
    let mut given = HashSet::new();
    for session in &sessions {
        given.insert(ready(&house, *session).await.0);
        assert!(house.sandboxes.ids().len() <= 4, "warm ones take no room beside");
    }
    assert_eq!(given.len(), 4);
    // One is waiting in line, and starts as soon as there is room.
    let fifth = house.request_session("lab1").await;
    request_end(&house.store, sessions[0]).await;
    let sandbox = ready(&house, fifth).await.0;
    assert!(!given.contains(&sandbox));
    assert!(house.sandboxes.ids().len() <= 4);
}

#[tokio::test]
async fn one_place_is_enough_for_a_warm_one_and_a_learner() {
    let house = House::new().await;
    let _runner = house
        .start_runner_with(|settings| {
            settings.capacity = Some(1);
            warm(1, 2)(settings);
        })
        .await;
    for _ in 0..3 {
        // Whether the next one is warm by now, is being made or was not begun.
        let session = house.request_session_of(learner(), "lab1", Origin::Starter).await;
        ready(&house, session).await;
        assert_eq!(house.sandboxes.ids().len(), 1);
        request_end(&house.store, session).await;
        until("it is over", async || {
            house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended
        })
        .await;
    }
}

#[tokio::test]
async fn one_that_died_is_not_handed_out() {
    let house = House::new().await;
    let host = Watched::new(&house, Stall::Never);
    let _runner = host.start_runner(&house).await;
    until("one is ready", async || host.made.load(Ordering::SeqCst)).await;
    let dead = *unclaimed(&house).await.iter().next().unwrap();
    house.sandboxes.kill(dead);
    let session = house.request_session("lab1").await;
    assert_ne!(ready(&house, session).await.0, dead);
    until("it is removed", async || !house.sandboxes.ids().contains(&dead)).await;
}

fn learner() -> containrlab_domain::ids::LearnerId {
    containrlab_domain::ids::LearnerId(uuid::Uuid::now_v7())
}
