//! Sandboxes across restarts of the runner, failures and clean-ups.

use std::collections::HashSet;
use std::time::Duration;

use bollard::query_parameters::KillContainerOptions;
use containrlab_domain::ids::{RunnerId, SandboxId};
use containrlab_workers::sandbox::{SandboxError, Sandboxes};
use uuid::Uuid;

use crate::bed::{Bed, eventually, learner, spec};

#[tokio::test]
async fn a_restarted_runner_finds_its_sandboxes_as_they_were() {
    let mut bed = Bed::new().await;
    let before = bed.create().await;
    assert_eq!(learner(&bed, &before, "echo kept > /workspace/x").await.code, 0);
    let (id, spec, container) = (before.id(), *before.spec(), before.container().to_owned());
    drop(before);
    bed.sandboxes = Sandboxes::connect(bed.settings.clone()).await.expect("connect again");

    let adopted = bed.sandboxes.adopt_all().await.expect("adopt");
    assert_eq!(adopted.len(), 1);
    let after = &adopted[0];
    assert_eq!((after.id(), *after.spec()), (id, spec));
    let status = after.agent().status().await.expect("its agent answers");
    assert_eq!(status.engine.restarts, 0);
    assert!(status.uptime_ms > 0);
    assert_eq!(learner(&bed, after, "cat /workspace/x").await.output, "kept\n");
    assert!(bed.containers_of(id).await.len() == 1 && !container.is_empty());
}

#[tokio::test]
async fn clean_up_takes_what_nobody_wants_and_leaves_what_is_others() {
    let bed = Bed::new().await;
    let (wanted, unwanted) = tokio::join!(bed.create(), bed.create());
    let stranger = Bed::new().await;
    let strangers = stranger.create().await;
    let mut settings = bed.settings.clone();
    settings.runner = RunnerId(Uuid::new_v4());
    let colleague = Sandboxes::connect(settings).await.expect("another runner");
    colleague.prepare(&|_| {}).await.expect("prepare");
    let colleagues = colleague.create(spec()).await.expect("its sandbox");

    let removed = bed.sandboxes.reap(&HashSet::from([wanted.id()])).await.expect("reap");
    assert_eq!(removed, [unwanted.id()]);
    assert_eq!(bed.traces_of(unwanted.id()).await, Vec::<String>::new());
    for (bed, sandbox) in [(&bed, &wanted), (&stranger, &strangers), (&bed, &colleagues)] {
        assert_eq!(learner(bed, sandbox, "docker version --format ok").await.output, "ok\n");
    }
    let listed: Vec<SandboxId> =
        bed.sandboxes.list().await.expect("list").iter().map(|listed| listed.spec.id).collect();
    assert_eq!(listed, [wanted.id()]);
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() {
    let bed = Bed::new().await;
    let spec = spec();
    let sandboxes = bed.sandboxes.clone();
    let start = tokio::spawn(async move { sandboxes.create(spec).await });
    eventually("the container is there", || async { !bed.containers_of(spec.id).await.is_empty() }).await;
    start.abort();
    let gone = start.await;
    assert!(gone.is_err_and(|error| error.is_cancelled()), "the start was over before it could be given up");
    eventually("all of it is gone", || async {
        let traces = bed.traces_of(spec.id).await;
        println!("there is still {traces:?}");
        traces.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_leaves_nothing() {
    let bed = Bed::new().await;
    let mut settings = bed.settings.clone();
    settings.limits.pids = 8;
    settings.ready_timeout = Duration::from_secs(5);
    let narrow = Sandboxes::connect(settings).await.expect("connect");
    assert!(matches!(narrow.create(spec()).await, Err(SandboxError::NotPrepared)));
    narrow.prepare(&|_| {}).await.expect("prepare");
    let spec = spec();
    let error = narrow.create(spec).await.expect_err("an engine can't live with eight threads");
    assert!(
        matches!(error, SandboxError::NotReady { .. } | SandboxError::Died { .. } | SandboxError::Agent(_)),
        "{error}"
    );
    assert_eq!(bed.traces_of(spec.id).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_sandbox_that_died_is_told_from_one_that_is_gone() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let id = sandbox.id();
    assert_eq!(bed.sandboxes.cause_of_death(id).await.expect("ask"), None);

    let kill = KillContainerOptions { signal: "KILL".to_owned() };
    bed.docker.kill_container(sandbox.container(), Some(kill)).await.expect("kill");
    eventually("it is dead", || async { bed.sandboxes.cause_of_death(id).await.expect("ask").is_some() })
        .await;
    let cause = bed.sandboxes.cause_of_death(id).await.expect("ask").expect("it is dead");
    assert_eq!(cause.code, "sandbox_died");
    assert!(cause.detail.contains("137"), "{}", cause.detail);
    assert!(!bed.sandboxes.list().await.expect("list")[0].alive);
    assert!(matches!(bed.sandboxes.adopt(id).await, Err(SandboxError::Died { .. })));

    bed.sandboxes.remove(id).await.expect("remove");
    let cause = bed.sandboxes.cause_of_death(id).await.expect("ask").expect("it is gone");
    assert_eq!(cause.code, "sandbox_gone");
    assert!(matches!(bed.sandboxes.adopt(id).await, Err(SandboxError::Gone(_))));
}

#[tokio::test]
async fn usage_is_counted() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let before = bed.sandboxes.usage(sandbox.id()).await.expect("measure");
    assert!((10 << 20..512 << 20).contains(&before.memory_bytes.expect("memory")), "{before:?}");
    assert!(before.pids.expect("processes") > 5, "{before:?}");
    assert_eq!(learner(&bed, &sandbox, "head -c 50000000 /dev/urandom > big && sync").await.code, 0);
    eventually("the disk's use has grown", || async {
        let usage = bed.sandboxes.usage(sandbox.id()).await.expect("measure");
        usage.disk_bytes.expect("disk") > 50_000_000
    })
    .await;
}
