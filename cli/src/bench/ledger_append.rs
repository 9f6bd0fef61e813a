//! Commands through the ledger, beside bare inserts of the same rows.

use async_trait::async_trait;
use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{LearnerId, RequestId};
use containrlab_domain::learner::{Learner, LearnerCommand, Provider};
use containrlab_store::baselines::RawInserts;
use uuid::Uuid;

use super::figure::{Bed, Better, Figure, Measured, rate};
use crate::failure::Failure;

/// Each command loads its aggregate, lets it decide, and appends one event with its read model in one transaction.
pub(super) struct LedgerAppend;

/// Long enough for the rates to settle, short enough to wait for.
const COUNT: usize = 4000;

#[async_trait]
impl Figure for LedgerAppend {
    fn name(&self) -> &'static str {
        "ledger append"
    }

    fn unit(&self) -> &'static str {
        "commands/s"
    }

    fn better(&self) -> Better {
        Better::More
    }

    fn baseline(&self) -> &'static str {
        "bare inserts"
    }

    // Load, decide, append and project cost four round trips where a bare insert costs one.
    fn target_ratio(&self) -> f64 {
        0.25
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let raw = RawInserts::prepare(&bed.store).await?;
        // Connections, caches and prepared statements warm up for both.
        rate(COUNT / 8, || register(bed)).await?;
        rate(COUNT / 8, || raw.insert()).await?;
        let ours = rate(COUNT, || register(bed)).await?;
        let baseline = rate(COUNT, || raw.insert()).await?;
        Ok(Measured { ours, baseline })
    }
}

async fn register(bed: &Bed) -> Result<(), Failure> {
    let id = Uuid::new_v4();
    let command = LearnerCommand::Register {
        learner: LearnerId(id),
        provider: Provider::Local,
        subject: id.to_string(),
        name: "Ada".to_owned(),
    };
    let by = Provenance { actor: Actor::System("bench"), request: RequestId(Uuid::now_v7()) };
    match bed.store.execute::<Learner>(id, command, &by).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Plain(format!("A command was not recorded: {error}."))),
    }
}
