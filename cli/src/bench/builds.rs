//! A build inside a sandbox, beside the same build on the engine outside: the same base image, nothing in the cache, one
//! processor, and the builder that both engines have (`DOCKER_BUILDKIT=0`).

use std::time::{Duration, Instant};

use async_trait::async_trait;
use containrlab_agent::message::ExecRequest;
use containrlab_workers::sandbox::Sandbox;

use super::figure::{Bed, Better, Figure, Measured};
use super::house::{Running, failure, nobodys};
use crate::failure::Failure;
use crate::settings::variables;

/// Builds on each side, in turn.
const ROUNDS: usize = 4;

/// What the image is based on, as sandboxes call it.
const BASE: &str = "debian:trixie-slim";

/// Reads and writes many files, packs them, and looks at each: what installing packages and compiling come down to.
const STEPS: &str = "RUN cp -r /usr /copy && find /copy -type f -print0 | xargs -0 sha256sum > /sums\n\
                     RUN tar -cf /packed.tar /copy && gzip -1 /packed.tar && rm -r /copy\n\
                     RUN for n in $(seq 300); do mkdir -p /many/$n && cp /etc/passwd /many/$n/; done\n";

/// The time of a build.
pub(super) struct Build;

#[async_trait]
impl Figure for Build {
    fn name(&self) -> &'static str {
        "build in a sandbox"
    }

    fn unit(&self) -> &'static str {
        "s"
    }

    fn better(&self) -> Better {
        Better::Less
    }

    fn baseline(&self) -> &'static str {
        "on the outer engine"
    }

    fn target_ratio(&self) -> f64 {
        1.25
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let running = bed.house.running().await?;
        let base = running.own.host_image(BASE).await.map_err(failure)?;
        let base = base.ok_or_else(|| Failure::Plain(format!("The host has no image for {BASE}.")))?;
        let sandbox = running.own.create(nobodys()).await.map_err(failure)?;
        // Once each for the caches of the kernel.
        inside(&sandbox).await?;
        outside(running, &base).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(inside(&sandbox).await?);
            theirs.push(outside(running, &base).await?);
        }
        running.own.remove(sandbox.id()).await.map_err(failure)?;
        // The quickest of each: whatever else the machine does can only add to a time.
        let quickest = |times: &[Duration]| times.iter().min().map_or(0.0, Duration::as_secs_f64);
        Ok(Measured { ours: quickest(&ours), baseline: quickest(&theirs) })
    }
}

/// A sandbox has one processor anyhow; outside the build is held to as much.
fn script(base: &str, limits: &str) -> String {
    format!(
        "set -e; printf '%s' 'FROM {base}\n{STEPS}' > \"$1/Dockerfile\"; image=$(DOCKER_BUILDKIT=0 docker build --no-cache \
         --quiet {limits} \"$1\" 2>/dev/null); docker rmi \"$image\" >/dev/null"
    )
}

async fn inside(sandbox: &Sandbox) -> Result<Duration, Failure> {
    let request = ExecRequest {
        argv: vec!["sh".into(), "-c".into(), script(BASE, ""), "build".into(), "/workspace".into()],
        timeout_ms: Some(300_000),
        ..ExecRequest::default()
    };
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Plain(format!("The build in a sandbox failed: {error}."));
    let begun = Instant::now();
    let done = sandbox.agent().exec(request).await.map_err(|error| wrong(&error))?;
    let done = done.collect(1 << 16).await.map_err(|error| wrong(&error))?;
    if done.exit.exit.code != Some(0) {
        return Err(wrong(&String::from_utf8_lossy(&done.stderr)));
    }
    Ok(begun.elapsed())
}

async fn outside(running: &Running, base: &str) -> Result<Duration, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Plain(format!("The build outside failed: {error}."));
    let folder = std::env::temp_dir().join(format!("containrlab-bench-{:08x}", rand::random::<u32>()));
    std::fs::create_dir(&folder).map_err(|error| wrong(&error))?;
    let begun = Instant::now();
    let done = tokio::process::Command::new("sh")
        .args(["-c", &script(base, "--cpu-period 100000 --cpu-quota 100000"), "build"])
        .arg(&folder)
        .envs(running.docker_host.as_ref().map(|host| (variables::DOCKER_HOST.name, host)))
        .output()
        .await;
    let took = begun.elapsed();
    let _ = std::fs::remove_dir_all(&folder);
    let done = done.map_err(|error| wrong(&error))?;
    if !done.status.success() {
        return Err(wrong(&String::from_utf8_lossy(&done.stderr)));
    }
    Ok(took)
}
