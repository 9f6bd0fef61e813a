//! Starting sessions through the ledger, beside bare inserts of the very same rows.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{JobId, LabRef, LabSlug, LabVersion, LearnerId, RequestId, SessionId};
use containrlab_domain::session::{Origin, Session, SessionCommand};
use containrlab_store::baselines::RawSessions;
use uuid::Uuid;

use super::figure::{Bed, Better, Figure, Measured, rate};
use crate::failure::Failure;

/// Long enough for the rates to settle, short enough to wait for.
const COUNT: usize = 4000;

/// As many as a p99 needs to mean something.
const ONE_BY_ONE: usize = 1500;

/// Commands a second with 16 writers.
pub(super) struct Throughput;

/// The slowest hundredth of commands with one writer.
pub(super) struct Latency;

#[async_trait]
impl Figure for Throughput {
    fn name(&self) -> &'static str {
        "ledger, 16 writers"
    }

    fn unit(&self) -> &'static str {
        "sessions/s"
    }

    fn better(&self) -> Better {
        Better::More
    }

    fn baseline(&self) -> &'static str {
        "same rows inserted bare"
    }

    fn target_ratio(&self) -> f64 {
        0.5
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let raw = RawSessions::prepare(&bed.store).await?;
        rate(COUNT / 8, || start(bed)).await?;
        rate(COUNT / 8, || raw.insert()).await?;
        let ours = rate(COUNT, || start(bed)).await?;
        let baseline = rate(COUNT, || raw.insert()).await?;
        Ok(Measured { ours, baseline })
    }
}

#[async_trait]
impl Figure for Latency {
    fn name(&self) -> &'static str {
        "ledger p99, 1 writer"
    }

    fn unit(&self) -> &'static str {
        "ms"
    }

    fn better(&self) -> Better {
        Better::Less
    }

    fn baseline(&self) -> &'static str {
        "same rows inserted bare"
    }

    fn target_ratio(&self) -> f64 {
        2.0
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let raw = RawSessions::prepare(&bed.store).await?;
        p99(ONE_BY_ONE / 8, || start(bed)).await?;
        p99(ONE_BY_ONE / 8, || raw.insert()).await?;
        let ours = p99(ONE_BY_ONE, || start(bed)).await?;
        let baseline = p99(ONE_BY_ONE, || raw.insert()).await?;
        Ok(Measured { ours, baseline })
    }
}

/// Does something again and again, and says in milliseconds what 99 of 100 times stayed under.
async fn p99<F, E>(count: usize, work: impl Fn() -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<(), E>>,
    Failure: From<E>,
{
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        work().await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let slow = times.get(count * 99 / 100).copied().unwrap_or(Duration::ZERO);
    Ok(slow.as_secs_f64() * 1000.0)
}

async fn start(bed: &Bed) -> Result<(), Failure> {
    let failure = |error: String| Failure::Plain(format!("A session was not requested: {error}."));
    let session = SessionId(Uuid::new_v4());
    let slug = LabSlug::new("lab1").map_err(|error| failure(error.to_string()))?;
    let command = SessionCommand::Request {
        session,
        learner: LearnerId(Uuid::new_v4()),
        lab: LabRef { slug, version: LabVersion::of(b"") },
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds: 60,
    };
    let by = Provenance { actor: Actor::System("bench"), request: RequestId(Uuid::now_v7()) };
    match bed.store.execute::<Session>(session.0, command, &by).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failure(error.to_string())),
    }
}
