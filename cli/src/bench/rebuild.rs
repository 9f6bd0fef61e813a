//! Building a projection anew from the first event on: how fast, and whether a longer log is slower than its length.

use async_trait::async_trait;
use containrlab_store::baselines::lengthen_log;

use super::figure::{Bed, Better, Figure, Measured};
use crate::failure::Failure;

/// Events of the short log; the long one has four times as many.
const SHORT: u64 = 200_000;

/// Events that a rebuild goes through in a second, beside the number that we promise.
pub(super) struct Rate;

/// Events in a second on a log of four times the length, beside the same on the short one.
pub(super) struct Growth;

#[async_trait]
impl Figure for Rate {
    fn name(&self) -> &'static str {
        "projection rebuild"
    }

    fn unit(&self) -> &'static str {
        "events/s"
    }

    fn better(&self) -> Better {
        Better::More
    }

    fn baseline(&self) -> &'static str {
        "promised"
    }

    fn target_ratio(&self) -> f64 {
        1.0
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        lengthen_log(&bed.store, SHORT).await?;
        rebuild(bed).await?;
        Ok(Measured { ours: rebuild(bed).await?, baseline: 200_000.0 })
    }
}

#[async_trait]
impl Figure for Growth {
    fn name(&self) -> &'static str {
        "projection rebuild, log times 4"
    }

    fn unit(&self) -> &'static str {
        "events/s"
    }

    fn better(&self) -> Better {
        Better::More
    }

    fn baseline(&self) -> &'static str {
        "short log"
    }

    // Cost that grows with the length keeps the rate; the rest is noise and caches.
    fn target_ratio(&self) -> f64 {
        0.7
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        lengthen_log(&bed.store, SHORT).await?;
        rebuild(bed).await?;
        let baseline = rebuild(bed).await?;
        lengthen_log(&bed.store, 3 * SHORT).await?;
        Ok(Measured { ours: rebuild(bed).await?, baseline })
    }
}

/// Events a second.
async fn rebuild(bed: &Bed) -> Result<f64, Failure> {
    let rebuilt = bed.store.rebuild_projections(Some("lab_statistics")).await?;
    let rate = |events: u64, seconds: f64| events as f64 / seconds;
    Ok(rebuilt.first().map_or(0.0, |one| rate(one.events, one.took.as_secs_f64())))
}
