//! What a figure is, and what it stands on.

use std::time::Instant;

use async_trait::async_trait;
use containrlab_store::Store;
use futures::future::try_join_all;

use super::house::House;
use crate::failure::Failure;

/// Writers at once, and as many connections to the database.
pub(super) const WRITERS: usize = 16;

/// What figures are measured on.
pub(super) struct Bed {
    /// A migrated, otherwise empty database and a Redis, with the durability of real ones.
    pub(super) store: Store,
    /// The whole system on these databases, for figures that need a sandbox.
    pub(super) house: House,
}

/// One number that we promise, beside the number that it is to be compared with.
#[async_trait]
pub(super) trait Figure: Send + Sync {
    /// What is measured, in a few words.
    fn name(&self) -> &'static str;
    /// What the numbers count, such as "commands/s".
    fn unit(&self) -> &'static str;
    /// Whether more is better, or less.
    fn better(&self) -> Better;
    /// What the baseline is, in a few words.
    fn baseline(&self) -> &'static str;
    /// What ours, divided by the baseline, has to reach (more is better) or must not pass (less is better).
    fn target_ratio(&self) -> f64;
    /// Measures both, on the same machine in the same minute.
    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure>;
}

/// Which way is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    /// A rate.
    More,
    /// A time or a size.
    Less,
}

/// The outcome of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    /// Our number.
    pub(super) ours: f64,
    /// The baseline's.
    pub(super) baseline: f64,
}

/// Does something `count` times with [`WRITERS`] at once, and says how many times a second that was.
pub(super) async fn rate<F, E>(count: usize, work: impl Fn() -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<(), E>>,
    Failure: From<E>,
{
    let each = count.div_ceil(WRITERS);
    let started = Instant::now();
    try_join_all((0..WRITERS).map(|_| async {
        for _ in 0..each {
            work().await?;
        }
        Ok::<_, Failure>(())
    }))
    .await?;
    Ok((each * WRITERS) as f64 / started.elapsed().as_secs_f64())
}
