//! What a learner finds in a sandbox.

use crate::bed::{Bed, learner};

#[tokio::test]
async fn its_engine_builds_runs_and_publishes_and_then_nothing_of_it_is_left() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;

    let version = learner(&bed, &sandbox, "docker version --format '{{.Server.Version}}'").await;
    assert_eq!(version.code, 0, "{version:?}");

    let built = learner(
        &bed,
        &sandbox,
        "printf 'FROM busybox\\nRUN --mount=type=cache,target=/c mkdir /www && echo hello > /www/index.html\\n' > Dockerfile \
         && docker build --quiet --tag site . \
         && docker run --detach --publish 8080:80 site httpd -f -h /www",
    )
    .await;
    assert_eq!(built.code, 0, "{built:?}");
    let page = learner(
        &bed,
        &sandbox,
        "curl --silent --retry 50 --retry-all-errors --retry-delay 0 --retry-max-time 20 localhost:8080",
    )
    .await;
    assert_eq!(page.output, "hello\n", "{page:?}");

    bed.sandboxes.remove(sandbox.id()).await.expect("remove");
    assert_eq!(bed.traces_of(sandbox.id()).await, Vec::<String>::new());
    bed.sandboxes.remove(sandbox.id()).await.expect("what is gone can be removed again");
}

#[tokio::test]
async fn lab_images_are_there_without_a_pull_and_the_tools_are_at_hand() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    let images = learner(&bed, &sandbox, "docker images --format '{{.Repository}}:{{.Tag}}' | sort").await;
    for name in ["busybox:latest", "debian:trixie-slim", "debian:13"] {
        assert!(images.output.lines().any(|line| line == name), "{name} in {images:?}");
    }
    assert!(!images.output.contains("containrlab/"), "{images:?}");
    let tools = learner(
        &bed,
        &sandbox,
        "docker compose version && docker buildx version && git --version && jq --version && vim --version && nano --version \
         && curl --version && make --version && id --user && pwd && touch /workspace/x ~/x /tmp/x",
    )
    .await;
    assert_eq!(tools.code, 0, "{tools:?}");
    assert!(tools.output.ends_with("1000\n/workspace\n"), "{tools:?}");
}

#[tokio::test]
async fn a_container_in_it_reaches_names_and_the_network_outside() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    // Debian's archive is what every build with apt-get needs, and what the images were made from.
    let update = learner(&bed, &sandbox, "docker run --rm debian:trixie-slim apt-get update").await;
    assert_eq!(update.code, 0, "{update:?}");
}
