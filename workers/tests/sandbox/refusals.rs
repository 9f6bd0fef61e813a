//! What keeps sandboxes from being made on a machine, said to whoever runs it: what, why, and how to mend it.

use containrlab_workers::sandbox::{Egress, SandboxError, SandboxSettings, Sandboxes};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use crate::bed::{Bed, learner};

#[tokio::test]
async fn a_runtime_that_the_engine_does_not_know_is_named_beside_those_that_it_knows() {
    let settings = SandboxSettings { runtime: Some("nonesuch".to_owned()), ..Bed::settings() };
    let refused = Sandboxes::connect(settings).await.expect_err("the engine has no such runtime");
    assert_eq!(refused.code(), "runtime_unknown");
    let said = refused.to_string();
    for part in ["`nonesuch`", "runc", "SANDBOX_RUNTIME", "add it to the engine"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn a_runtime_that_the_engine_knows_runs_sandboxes() {
    let bed = Bed::with(|settings| settings.runtime = Some("runc".to_owned())).await;
    let sandbox = bed.create().await;
    let container = bed.docker.inspect_container(sandbox.container(), None).await.expect("inspect");
    assert_eq!(container.host_config.and_then(|config| config.runtime).as_deref(), Some("runc"));
    assert_eq!(learner(&bed, &sandbox, "docker run --rm busybox true").await.code, 0);
}

/// Prepares a machine on which the firewall can't be set: programs that are started from here lack the right for it.
fn prepare_without_firewall(settings: SandboxSettings) -> Result<(), SandboxError> {
    let prepare = std::thread::spawn(move || {
        // Rights are a thread's own, and what it starts inherits this.
        remove_capability_from_bounding_set(CapabilitySet::NET_ADMIN).expect("given up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { Sandboxes::connect(settings).await?.prepare(&|_| {}).await })
    });
    prepare.join().expect("it comes to an end")
}

#[tokio::test]
async fn without_a_firewall_nothing_starts_unless_the_operator_gives_the_host_up() {
    // Removes what is made below.
    let bed = Bed::new().await;
    for egress in [Egress::Open, Egress::Allowlist, Egress::None] {
        for may_reach_host in [false, true] {
            let settings = SandboxSettings { egress, may_reach_host, ..bed.settings.clone() };
            let prepared = prepare_without_firewall(settings);
            if egress == Egress::Open && may_reach_host {
                prepared.expect("the operator wants it so");
                continue;
            }
            let refused = prepared.expect_err("there is no firewall");
            assert_eq!(refused.code(), "egress_not_enforced");
            let said = refused.to_string();
            for part in [&format!("EGRESS={egress}"), "iptables", "CAP_NET_ADMIN"] {
                assert!(said.contains(part), "{part} is not in: {said}");
            }
            assert_eq!(said.contains("SANDBOXES_MAY_REACH_HOST=true"), egress == Egress::Open, "{said}");
        }
    }
}
