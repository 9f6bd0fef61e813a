//! Following the log: one stretch after the other, rows and checkpoint in one transaction.

use std::time::Duration;

use futures::future::try_join;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;

use super::log::{Place, events_among, next_stretch};
use super::{ALL, Projection};
use crate::round::{Next, rounds, short};
use crate::rows::column;
use crate::{Store, StoreError, faults};

/// Events that one transaction handles at most: it stays short, and what it holds in memory is bounded.
const STRETCH: i64 = 10_000;

/// From a ring to the round, so that one round handles what many commits have written: nobody waits for a count.
const GATHERING: Duration = Duration::from_millis(100);

/// From when on a process that says nothing loses the build that it has locked.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// A build's checkpoint, locked; whoever finds it locked leaves the build to whom has it.
const CHECKPOINT: &str = "select tx::text as tx, position from projections \
     where name = $1 and build = $2 for update skip locked";

const ADVANCE: &str = "update projections set tx = $3::text::xid8, position = $4, events = events + $5, \
       advanced_at = clock_timestamp() \
     where name = $1 and build = $2";

/// A build of a projection that is not live yet, or the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) build: i64,
    pub(super) version: i32,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many events were handled; there may be more.
    Advanced(i64),
    /// There is nothing to read yet.
    UpToDate,
    /// Somebody else is at it.
    Elsewhere,
}

impl Store {
    /// Lets all projections follow the log until told to stop: soon after a commit of this process, and every second
    /// anyway. Any number of processes may do so; for each projection one of them does the work.
    pub fn spawn_projector(&self, shutdown: CancellationToken) -> JoinHandle<()> {
        let store = self.clone();
        tokio::spawn(async move {
            shutdown.run_until_cancelled(store.project_for_ever()).await;
        })
    }

    async fn project_for_ever(&self) {
        let round = || async {
            tokio::time::sleep(GATHERING).await;
            self.project_once().await?;
            Ok::<_, StoreError>(Next::Rung)
        };
        rounds(self.live().log(), "the projections do not follow the log", round).await;
    }

    /// Brings all live projections as near to the end of the log as it is settled; gives the number of events handled.
    ///
    /// # Errors
    /// [`StoreError`]; what was not handled is handled next time.
    pub async fn project_once(&self) -> Result<u64, StoreError> {
        let mut handled = 0;
        for projection in ALL.iter().copied() {
            let live = self.live_build(projection).await?;
            if live.version < projection.version() {
                // The rules have changed with this version of the program.
                self.rebuild(projection).await?;
                continue;
            }
            while let Step::Advanced(events) = self.advance(projection, live.build).await? {
                handled += events.unsigned_abs();
                if events < STRETCH {
                    break;
                }
            }
        }
        Ok(handled)
    }

    /// One stretch further.
    pub(super) async fn advance(&self, projection: &dyn Projection, build: i64) -> Result<Step, StoreError> {
        let mut client = self.database().await?;
        let transaction = client.transaction().await?;
        let checkpoint = transaction.prepare_cached(CHECKPOINT).await?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&projection.name(), &build];
        let short = short(SILENCE);
        let ((), row) =
            try_join(transaction.batch_execute(&short), transaction.query_opt(&checkpoint, &parameters))
                .await?;
        let Some(row) = row else { return Ok(Step::Elsewhere) };
        let after = Place { tx: column(&row, "tx")?, position: column(&row, "position")? };
        let Some((end, count)) = next_stretch(&transaction, &after, STRETCH).await? else {
            return Ok(Step::UpToDate);
        };
        let events = events_among(&transaction, &after, count, projection.event_types()).await?;
        if !events.is_empty() {
            projection.apply(&transaction, build, events).await?;
        }
        let advance = transaction.prepare_cached(ADVANCE).await?;
        transaction.execute(&advance, &[&projection.name(), &build, &end.tx, &end.position, &count]).await?;
        faults::point("projection_advanced");
        transaction.commit().await?;
        Ok(Step::Advanced(count))
    }

    /// The live build; made when there is none yet.
    pub(super) async fn live_build(&self, projection: &dyn Projection) -> Result<Build, StoreError> {
        let client = self.database().await?;
        let look =
            client.prepare_cached("select build, version from projections where name = $1 and live").await?;
        loop {
            if let Some(row) = client.query_opt(&look, &[&projection.name()]).await? {
                return Ok(Build { build: column(&row, "build")?, version: column(&row, "version")? });
            }
            let make = client
                .prepare_cached(
                    "insert into projections (name, version, live) values ($1, $2, true) on conflict do nothing",
                )
                .await?;
            client.execute(&make, &[&projection.name(), &projection.version()]).await?;
        }
    }
}
