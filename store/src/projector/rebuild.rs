//! Building a projection anew beside the live one, and putting it in its place.

use std::time::{Duration, Instant};

use super::follow::{SILENCE, Step};
use super::{ALL, Projection, named};
use crate::round::short;
use crate::rows::column;
use crate::{Store, StoreError};

/// Builds that nobody has advanced for so long belong to a process that died over them.
const LEFT_BEHIND: &str = "interval '5 minutes'";

/// Puts a build in the live one's place, unless the live one knows more.
const SWAP: &str = "update projections as one set live = (one.build = $2) \
     where name = $1 and (live or build = $2)";

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// Which projection.
    pub name: &'static str,
    /// Events that it went through, those that it does not look at among them.
    pub events: u64,
    /// How long that took.
    pub took: Duration,
}

impl Store {
    /// Builds the projection with this name anew, or all of them, while readers see the rows as they were; then swaps the
    /// new rows in.
    ///
    /// # Errors
    /// [`StoreError::NoSuchProjection`]; or when the database has trouble: the live rows stay as they are then.
    pub async fn rebuild_projections(&self, name: Option<&str>) -> Result<Vec<Rebuilt>, StoreError> {
        let wanted = match name {
            Some(name) => vec![named(name)?],
            None => ALL.to_vec(),
        };
        let mut rebuilt = Vec::with_capacity(wanted.len());
        for projection in wanted {
            rebuilt.push(self.rebuild(projection).await?);
        }
        Ok(rebuilt)
    }

    pub(super) async fn rebuild(&self, projection: &dyn Projection) -> Result<Rebuilt, StoreError> {
        let begun = Instant::now();
        self.delete_left_behind(projection).await?;
        // So that there is something to take the place of.
        self.live_build(projection).await?;
        let client = self.database().await?;
        let make = "insert into projections (name, version, live) values ($1, $2, false) returning build";
        let row = client.query_one(make, &[&projection.name(), &projection.version()]).await?;
        let build: i64 = column(&row, "build")?;
        drop(client);
        let mut events = 0;
        let outcome = loop {
            match self.advance(projection, build).await {
                Ok(Step::Advanced(count)) => events += count.unsigned_abs(),
                Ok(Step::UpToDate | Step::Elsewhere) => match self.swap(projection, build).await {
                    Ok(true) => break Ok(()),
                    // The live one has gone on meanwhile: follow it.
                    Ok(false) => {}
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = outcome {
            if let Err(error) = self.delete_build(projection, build).await {
                tracing::warn!(%error, build, "a build that failed is left behind for the next rebuild to delete");
            }
            return Err(error);
        }
        let rebuilt = Rebuilt { name: projection.name(), events, took: begun.elapsed() };
        tracing::info!(?rebuilt, "a projection was rebuilt");
        Ok(rebuilt)
    }

    /// Whether the build is live now; not while the live one is ahead of it.
    async fn swap(&self, projection: &dyn Projection, build: i64) -> Result<bool, StoreError> {
        let mut client = self.database().await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(&short(SILENCE)).await?;
        // Both stand still from here on. In the order of builds, so that two rebuilds never wait crosswise.
        let lock =
            "select from projections where name = $1 and (live or build = $2) order by build for update";
        transaction.query(lock, &[&projection.name(), &build]).await?;
        let rows = transaction
            .query(
                "select one.build, not exists ( \
                     select from projections as other \
                     where name = $1 and live and (other.tx, other.position) > (one.tx, one.position)) as caught_up \
                 from projections as one where name = $1 and (live or build = $2)",
                &[&projection.name(), &build],
            )
            .await?;
        let mut caught_up = false;
        let mut replaced = Vec::new();
        for row in &rows {
            if column::<i64>(row, "build")? == build {
                caught_up = column(row, "caught_up")?;
            } else {
                replaced.push(column::<i64>(row, "build")?);
            }
        }
        if !caught_up {
            return Ok(false);
        }
        for old in replaced {
            transaction
                .execute(
                    "delete from projections where name = $1 and build = $2",
                    &[&projection.name(), &old],
                )
                .await?;
            projection.delete(&transaction, old).await?;
        }
        transaction.execute(SWAP, &[&projection.name(), &build]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn delete_left_behind(&self, projection: &dyn Projection) -> Result<(), StoreError> {
        let client = self.database().await?;
        let sql = format!(
            "select build from projections \
             where name = $1 and not live and advanced_at < clock_timestamp() - {LEFT_BEHIND}"
        );
        let rows = client.query(&sql, &[&projection.name()]).await?;
        drop(client);
        for row in &rows {
            self.delete_build(projection, column(row, "build")?).await?;
        }
        Ok(())
    }

    async fn delete_build(&self, projection: &dyn Projection, build: i64) -> Result<(), StoreError> {
        let mut client = self.database().await?;
        let transaction = client.transaction().await?;
        let sql = "delete from projections where name = $1 and build = $2 and not live";
        if transaction.execute(sql, &[&projection.name(), &build]).await? > 0 {
            projection.delete(&transaction, build).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
