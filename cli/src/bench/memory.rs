//! What a sandbox takes of a machine's memory, and how many a small machine holds.

use std::time::Duration;

use async_trait::async_trait;
use containrlab_agent::message::ExecRequest;
use containrlab_workers::sandbox::Sandbox;
use futures::{StreamExt, TryStreamExt};

use super::figure::{Bed, Better, Figure, Measured};
use super::house::{Running, failure, nobodys};
use crate::failure::Failure;

/// Sandboxes at once.
const MANY: usize = 20;

/// How many of them are made, or work, side by side.
const SIDE_BY_SIDE: usize = 2;

/// How long a fresh sandbox gets to come to rest.
const REST: Duration = Duration::from_secs(5);

/// Memory of a small runner, and the part of it that sandboxes may count on.
const SMALL: f64 = 4e9;
const SHARE: f64 = 0.85;

/// A megabyte.
const MB: f64 = 1e6;

/// Anonymous memory of a warm sandbox at rest.
pub(super) struct Idle;

/// How many a machine of 4 GB holds, by what twenty at once take while they build.
pub(super) struct Many;

#[async_trait]
impl Figure for Idle {
    fn name(&self) -> &'static str {
        "idle sandbox, anonymous memory"
    }

    fn unit(&self) -> &'static str {
        "MB"
    }

    fn better(&self) -> Better {
        Better::Less
    }

    fn baseline(&self) -> &'static str {
        "promised"
    }

    fn target_ratio(&self) -> f64 {
        1.0
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let running = bed.house.running().await?;
        let sandbox = running.own.create(nobodys()).await.map_err(failure)?;
        tokio::time::sleep(REST).await;
        let usage = running.own.usage(sandbox.id()).await.map_err(failure)?;
        running.own.remove(sandbox.id()).await.map_err(failure)?;
        Ok(Measured { ours: usage.anonymous_bytes.unwrap_or(0) as f64 / MB, baseline: 70.0 })
    }
}

#[async_trait]
impl Figure for Many {
    fn name(&self) -> &'static str {
        "sandboxes at work on 4 GB"
    }

    fn unit(&self) -> &'static str {
        "sandboxes"
    }

    fn better(&self) -> Better {
        Better::More
    }

    fn baseline(&self) -> &'static str {
        "the original"
    }

    fn target_ratio(&self) -> f64 {
        1.0
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let running = bed.house.running().await?;
        let made: Vec<Sandbox> = futures::stream::iter(0..MANY)
            .map(|_| async { running.own.create(nobodys()).await.map_err(failure) })
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        // All of them live while each in turn builds and runs something.
        let taken: Vec<f64> = futures::stream::iter(made.clone())
            .map(|sandbox| at_work(running, sandbox))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        for sandbox in &made {
            running.own.remove(sandbox.id()).await.map_err(failure)?;
        }
        let mean = taken.iter().sum::<f64>() / taken.len() as f64;
        Ok(Measured { ours: (SMALL * SHARE / mean).floor(), baseline: 2.0 })
    }
}

/// What a sandbox takes, in bytes, with a container that runs and a build behind it.
async fn at_work(running: &Running, sandbox: Sandbox) -> Result<f64, Failure> {
    let script = "printf 'FROM debian:trixie-slim\\nRUN du -s /usr && sha256sum /usr/bin/*\\n' | \
                  docker build --quiet --tag made - && docker run --detach made sleep 600";
    let request = ExecRequest {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        timeout_ms: Some(120_000),
        ..ExecRequest::default()
    };
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::Plain(format!("One of {MANY} sandboxes does not work: {error}."))
    };
    let done = sandbox.agent().exec(request).await.map_err(|error| wrong(&error))?;
    let done = done.collect(1 << 16).await.map_err(|error| wrong(&error))?;
    if done.exit.exit.code != Some(0) {
        return Err(wrong(&String::from_utf8_lossy(&done.stderr)));
    }
    let usage = running.own.usage(sandbox.id()).await.map_err(failure)?;
    Ok(usage.memory_bytes.unwrap_or(0) as f64)
}
