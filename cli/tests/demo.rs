//! The main job end to end, as `make demo` does it: real api, runner, PostgreSQL, Redis and Docker, and the program's own client.

mod support;

use support::{Parts, System};

#[tokio::test]
async fn the_demo_passes_and_prints_verdict_and_timeline() {
    let system = System::start(Parts::All).await;
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_containrlab"))
        .args(["demo", "--url", &system.url])
        .envs(system.environment())
        .output()
        .await
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "Server:",
        "docker version answers",
        "Verdict: passed",
        "Timeline:",
        "The lab was started",
        "An attempt was submitted.",
        "Passed in",
    ] {
        assert!(said.contains(expected), "\"{expected}\" is missing in\n{said}");
    }
}
