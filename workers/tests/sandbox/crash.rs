//! A machine that lost its power: nothing runs, nothing is mounted, and what lay about half made lies there still.

use std::collections::HashSet;
use std::process::Command;

use bollard::query_parameters::{KillContainerOptions, RemoveContainerOptions};
use containrlab_workers::sandbox::Sandboxes;

use crate::bed::{Bed, eventually, learner};

#[tokio::test]
async fn after_a_crash_the_dead_are_told_and_everything_of_nobody_is_removed() {
    let mut bed = Bed::apart().await;
    let (dead, lost) = tokio::join!(bed.create(), bed.create());
    assert_eq!(learner(&bed, &dead, "echo x > /workspace/x").await.code, 0);
    let state = bed.settings.state_dir.display().to_string();

    for sandbox in [&dead, &lost] {
        let kill = KillContainerOptions { signal: "KILL".to_owned() };
        bed.docker.kill_container(sandbox.container(), Some(kill)).await.expect("killed");
    }
    eventually("both are dead", || async {
        bed.sandboxes.list().await.expect("a list").iter().all(|listed| !listed.alive)
    })
    .await;
    // One of which only the volume is left, one volume that was about to be filled, no mount, no rules.
    let remove = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
    bed.docker.remove_container(lost.container(), Some(remove)).await.expect("removed");
    run(&format!("btrfs subvolume create {state}/volumes/staging/half-made"));
    run(&format!("umount {state}/volumes"));
    assert_eq!(loop_devices(&state), 0);

    bed.sandboxes = Sandboxes::connect(bed.settings.clone()).await.expect("the next process connects");
    bed.sandboxes.prepare(&|_| {}).await.expect("it finds everything it needs");
    assert_eq!(loop_devices(&state), 1);
    let cause = bed.sandboxes.cause_of_death(dead.id()).await.expect("asked");
    assert_eq!(cause.map(|cause| cause.code), Some("sandbox_died"));
    let cause = bed.sandboxes.cause_of_death(lost.id()).await.expect("asked");
    assert_eq!(cause.map(|cause| cause.code), Some("sandbox_gone"));
    let removed: HashSet<_> =
        bed.sandboxes.reap(&HashSet::new()).await.expect("reaped").into_iter().collect();
    assert_eq!(removed, HashSet::from([dead.id(), lost.id()]));
    for sandbox in [&dead, &lost] {
        assert_eq!(bed.traces_of(sandbox.id()).await, Vec::<String>::new());
    }
    let fresh = bed.create().await;
    assert_eq!(learner(&bed, &fresh, "docker run --rm busybox true").await.code, 0);
    let staged = std::fs::read_dir(format!("{state}/volumes/staging")).expect("the folder").count();
    assert_eq!(staged, 0, "the half-made one is gone too");
}

fn run(command: &str) {
    let done = Command::new("sh")
        .args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin; {command}")])
        .output()
        .expect("a shell");
    assert!(done.status.success(), "`{command}`: {}", String::from_utf8_lossy(&done.stderr));
}

fn loop_devices(state: &str) -> usize {
    let path = "PATH=$PATH:/usr/sbin:/sbin; losetup --list --noheadings --output BACK-FILE";
    let done = Command::new("sh").args(["-c", path]).output().expect("a shell");
    String::from_utf8_lossy(&done.stdout).matches(&format!("{state}/")).count()
}
