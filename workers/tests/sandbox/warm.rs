//! A warm sandbox on the real engine: claimed once, known again by whose it is, refused when it is out of date.

use containrlab_domain::ids::{LeaseId, SessionId};
use containrlab_workers::sandbox::{Role, SandboxError, SandboxSpec, Sandboxes};
use uuid::Uuid;

use crate::bed::{Bed, learner, spec};

#[tokio::test]
async fn a_claimed_sandbox_is_its_sessions_for_every_process() {
    let mut bed = Bed::new().await;
    let warm = SandboxSpec { role: Role::Warm, session: SessionId(Uuid::nil()), ..spec() };
    let sandbox = bed.sandboxes.create(warm).await.expect("a sandbox");
    assert_eq!(bed.sandboxes.list().await.expect("a list")[0].spec, warm);

    let wanted = SandboxSpec { id: warm.id, ..spec() };
    bed.sandboxes.claim(wanted).await.expect("a claim");
    let late = SandboxSpec { session: SessionId(Uuid::new_v4()), lease: LeaseId(Uuid::new_v4()), ..wanted };
    assert!(
        matches!(bed.sandboxes.claim(late).await, Err(SandboxError::Gone(_))),
        "it is somebody's already"
    );
    // The connection that was open goes on.
    assert!(sandbox.agent().status().await.is_ok());

    bed.sandboxes = Sandboxes::connect(bed.settings.clone()).await.expect("connect again");
    let listed = bed.sandboxes.list().await.expect("a list");
    assert_eq!((listed[0].spec, listed[0].alive, listed.len()), (wanted, true, 1));
    let adopted = bed.sandboxes.adopt(warm.id).await.expect("adoption");
    assert_eq!(learner(&bed, &adopted, "docker version --format ok").await.output, "ok\n");
    assert_eq!(bed.sandboxes.cause_of_death(warm.id).await.expect("a look"), None);
    assert!(bed.sandboxes.usage(warm.id).await.expect("a measure").pids.is_some());
    bed.sandboxes.remove(warm.id).await.expect("removal");
    assert_eq!(bed.traces_of(warm.id).await, Vec::<String>::new());
    assert!(matches!(bed.sandboxes.claim(wanted).await, Err(SandboxError::Gone(_))));
}

#[tokio::test]
async fn a_warm_sandbox_with_other_limits_is_not_taken_over() {
    let bed = Bed::new().await;
    let warm = SandboxSpec { role: Role::Warm, session: SessionId(Uuid::nil()), ..spec() };
    bed.sandboxes.create(warm).await.expect("a sandbox");
    let again = Sandboxes::connect(bed.settings.clone()).await.expect("connect");
    again.prepare(&|_| {}).await.expect("prepare");
    assert_eq!(again.adopt(warm.id).await.expect("the same").id(), warm.id);

    let mut settings = bed.settings.clone();
    settings.limits.memory_bytes += 1 << 20;
    let changed = Sandboxes::connect(settings).await.expect("connect");
    changed.prepare(&|_| {}).await.expect("prepare");
    assert!(matches!(changed.adopt(warm.id).await, Err(SandboxError::Outdated(id)) if id == warm.id));
}
