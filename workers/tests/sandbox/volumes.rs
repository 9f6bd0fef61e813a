//! Disk: quotas, and machines without btrfs.

use containrlab_workers::sandbox::{SandboxSettings, Sandboxes, StoreKind};

use crate::bed::{Bed, learner};

#[tokio::test]
async fn a_full_disk_is_one_sandboxs_own_trouble() {
    let bed = Bed::with(|settings| settings.limits.disk_bytes = 64 << 20).await;
    assert!(bed.sandboxes.has_disk_quota());
    let (greedy, neighbour) = tokio::join!(bed.create(), bed.create());

    // Wherever it is written: workspace, home, /tmp and the engine's store share one quota.
    for place in ["/workspace", "/home/learner", "/tmp"] {
        let ended = learner(
            &bed,
            &greedy,
            &format!("head -c 100000000 /dev/urandom > {place}/big && sync {place}/big"),
        )
        .await;
        assert_ne!(ended.code, 0, "{place} took more than the quota");
        assert!(ended.output.contains("quota") || ended.output.contains("space"), "{ended:?}");
        learner(&bed, &greedy, &format!("rm -f {place}/big; sync")).await;
    }
    let outside =
        learner(&bed, &greedy, "echo x > /var/lib/x || echo x > /usr/x || echo x > /etc/x || echo x > /x")
            .await;
    assert_ne!(outside.code, 0, "there is a place that no quota counts: {outside:?}");

    learner(&bed, &greedy, "head -c 100000000 /dev/urandom > big").await;
    let ended = learner(
        &bed,
        &neighbour,
        "head -c 20000000 /dev/urandom > big && sync big && docker run --rm busybox true",
    )
    .await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test]
async fn without_btrfs_plain_folders_do() {
    let bed = Bed::with(|settings| settings.store = StoreKind::Folders).await;
    assert!(!bed.sandboxes.has_disk_quota());
    let sandbox = bed.create().await;
    let ended = learner(&bed, &sandbox, "docker run --rm busybox echo hello").await;
    assert_eq!((ended.code, ended.output.as_str()), (0, "hello\n"));
    assert_eq!(bed.sandboxes.usage(sandbox.id()).await.expect("measure").disk_bytes, None);
    bed.sandboxes.remove(sandbox.id()).await.expect("remove");
    assert_eq!(bed.traces_of(sandbox.id()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_grows_with_its_setting_while_sandboxes_use_it() {
    let bed = Bed::apart_with(&[], |settings| settings.store_bytes = 2 << 30).await;
    let sandbox = bed.create().await;
    let size = || {
        let stat = rustix::fs::statvfs(bed.settings.state_dir.join("volumes")).expect("the mounted store");
        stat.f_blocks * stat.f_frsize
    };
    assert_eq!(size(), 2 << 30);
    let larger = SandboxSettings { store_bytes: 3 << 30, ..bed.settings.clone() };
    Sandboxes::connect(larger).await.expect("it grows");
    assert_eq!(size(), 3 << 30);
    Sandboxes::connect(bed.settings.clone()).await.expect("it never shrinks");
    assert_eq!(size(), 3 << 30);
    assert_eq!(learner(&bed, &sandbox, "docker run --rm busybox true").await.code, 0, "it went on meanwhile");
}
