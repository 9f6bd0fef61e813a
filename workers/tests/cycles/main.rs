//! Sandboxes that come and go, many times over, in a process of their own so that every file descriptor counts. `make test` does a
//! few rounds, `make soak SOAK=cycles` two hundred.

#[path = "../support/few_images.rs"]
mod few_images;

#[path = "../sandbox/bed.rs"]
#[expect(dead_code, reason = "the tests of sandboxes need more of it")]
mod bed;

use std::process::Command;

use containrlab_domain::ids::SessionId;
use containrlab_workers::sandbox::{INSTALLATION, Role, SandboxSpec};
use uuid::Uuid;

use bed::{Bed, learner, spec};

/// Rounds when nobody says how many.
const FEW: usize = 6;

/// Rounds before the first count: caches and connections are there by then.
const WARM_UP: usize = 2;

/// How much more memory this process may hold after all rounds, in bytes: the allocator keeps some for itself.
const MEMORY: u64 = 24 << 20;

/// Everything that could be left behind.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    containers: usize,
    networks: usize,
    mounts: usize,
    loop_devices: usize,
    subvolumes: usize,
    quota_groups: usize,
    descriptors: usize,
}

impl Counts {
    async fn take(bed: &Bed) -> Self {
        let label = format!("{INSTALLATION}={}", bed.settings.installation);
        let filters = Some(std::collections::HashMap::from([("label".to_owned(), vec![label])]));
        let containers = bollard::query_parameters::ListContainersOptions {
            all: true,
            filters: filters.clone(),
            ..Default::default()
        };
        let networks = bollard::query_parameters::ListNetworksOptions { filters };
        let state = bed.settings.state_dir.display().to_string();
        let volumes = format!("{state}/volumes");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
        // What was deleted is only gone once the kernel's cleaner has been there.
        output("btrfs", &["subvolume", "sync", &volumes]);
        Self {
            containers: bed.docker.list_containers(Some(containers)).await.expect("containers").len(),
            networks: bed.docker.list_networks(Some(networks)).await.expect("networks").len(),
            mounts: mounts.lines().filter(|line| line.contains(&state)).count(),
            loop_devices: output("losetup", &["--list", "--noheadings"]).matches(&state).count(),
            subvolumes: output("btrfs", &["subvolume", "list", &volumes]).lines().count(),
            quota_groups: output("btrfs", &["qgroup", "show", &volumes]).lines().count(),
            descriptors: std::fs::read_dir("/proc/self/fd").expect("descriptors").count(),
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let done = Command::new(program).args(arguments).env("PATH", path).output().expect(program);
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// What this process holds in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}

/// A sandbox from start to end, every other one by way of the pool.
async fn round(bed: &Bed, number: usize) {
    let sandbox = if number.is_multiple_of(2) {
        bed.create().await
    } else {
        let warm = SandboxSpec { role: Role::Warm, session: SessionId(Uuid::nil()), ..spec() };
        let sandbox = bed.sandboxes.create(warm).await.expect("a sandbox");
        bed.sandboxes.claim(SandboxSpec { id: warm.id, ..spec() }).await.expect("a claim");
        sandbox
    };
    let work = "echo x > /workspace/x && docker run --rm busybox true";
    let ended = learner(bed, &sandbox, work).await;
    assert_eq!(ended.code, 0, "round {number}: {ended:?}");
    bed.sandboxes.remove(sandbox.id()).await.expect("removed");
}

#[tokio::test]
async fn many_starts_and_ends_leave_nothing_behind() {
    let rounds = std::env::var("CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW);
    // A store of its own: others make and remove subvolumes in theirs.
    let bed = Bed::apart().await;
    for number in 0..WARM_UP {
        round(&bed, number).await;
    }
    let (before, memory) = (Counts::take(&bed).await, resident());
    for number in 0..rounds {
        round(&bed, number).await;
    }
    let (after, more) = (Counts::take(&bed).await, resident().saturating_sub(memory));
    println!("{rounds} rounds: {before:?}, then {after:?}; {more} bytes more");
    assert_eq!(after, before);
    assert!(more < MEMORY, "{more} bytes more after {rounds} rounds");
}
