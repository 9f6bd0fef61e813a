//! How far behind the log the projections are.

use super::ALL;
use crate::rows::{column, unsigned};
use crate::{Store, StoreError};

const STATUS: &str = "select build, version, live, projections.events, behind.events as behind_events, \
       coalesce(extract(epoch from clock_timestamp() - behind.since), 0)::float8 as behind_seconds \
     from projections, lateral ( \
       select count(*) as events, min(recorded_at) as since from events \
       where (events.tx, events.position) > (projections.tx, projections.position)) as behind \
     where name = $1 order by build";

/// Where one build of a projection stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ProjectionStatus {
    /// Which projection.
    pub name: &'static str,
    /// Which build of it.
    pub build: i64,
    /// The version of the rules that its rows follow.
    pub version: i32,
    /// Whether readers see it; else it is being built.
    pub live: bool,
    /// Events that it has handled.
    pub events: u64,
    /// Events in the log that it has not handled yet.
    pub behind_events: u64,
    /// Age of the oldest of these in seconds; 0 when there is none.
    pub behind_seconds: f64,
}

impl Store {
    /// Where all projections stand.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn projection_status(&self) -> Result<Vec<ProjectionStatus>, StoreError> {
        let mut all = Vec::new();
        for projection in ALL.iter().copied() {
            self.live_build(projection).await?;
            let client = self.database().await?;
            let statement = client.prepare_cached(STATUS).await?;
            for row in client.query(&statement, &[&projection.name()]).await? {
                all.push(ProjectionStatus {
                    name: projection.name(),
                    build: column(&row, "build")?,
                    version: column(&row, "version")?,
                    live: column(&row, "live")?,
                    events: unsigned(&row, "events")?,
                    behind_events: unsigned(&row, "behind_events")?,
                    behind_seconds: column(&row, "behind_seconds")?,
                });
            }
        }
        Ok(all)
    }
}
