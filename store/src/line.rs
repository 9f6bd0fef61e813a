//! The line for a sandbox: who comes when, and how long that will take.

use std::time::Duration;

use containrlab_domain::ids::SessionId;

use crate::faults::hastened;
use crate::queue::LINE;
use crate::rows::{column, seconds};
use crate::{RUNNER_SILENCE, Store, StoreError};

/// Sessions that ended last, whose lengths an estimate goes by; and how few are too few to say anything.
const RECENT: i64 = 50;
const TOO_FEW: i64 = 3;

/// How a session stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its place; 1 is next.
    pub place: u32,
    /// Places that runners have free at the moment. Whoever's place is no higher does not wait for anybody.
    pub free: u32,
    /// How long it will wait, as far as recent sessions tell; `None` when they tell nothing.
    pub wait: Option<Duration>,
}

impl Line {
    /// Whether it waits for somebody else to leave.
    pub fn waits(&self) -> bool {
        self.place > self.free
    }
}

impl Store {
    /// Where a session stands in the line for a sandbox: 1 is next. `None` when it does not wait.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn place_in_line(&self, session: SessionId) -> Result<Option<u32>, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(LINE).await?;
        let row = client.query_opt(&statement, &[&session.0]).await?;
        let place = row.map(|row| column::<i64>(&row, "place")).transpose()?;
        Ok(place.and_then(|place| u32::try_from(place).ok()))
    }

    /// How a session stands in the line, with what a person wants to know who waits in it. `None` when it does not wait.
    ///
    /// # Errors
    /// See [`Store::place_in_line`].
    pub async fn line(&self, session: SessionId) -> Result<Option<Line>, StoreError> {
        let Some(place) = self.place_in_line(session).await? else { return Ok(None) };
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "with alive as ( \
                   select runner_id, capacity from runners where state = 'active' \
                     and heartbeat_at > clock_timestamp() - make_interval(secs => $1)), \
                 held as (select expires_at from sessions join alive using (runner_id) where phase <> 'ended'), \
                 recent as ( \
                   select extract(epoch from ended_at - ready_at)::float8 as length from sessions \
                   where ready_at is not null and ended_at is not null order by ended_at desc limit $2) \
                 select (select coalesce(sum(capacity), 0) from alive) as capacity, \
                   (select count(*) from held) as held, \
                   (select count(*) from recent) as recent, (select avg(length) from recent) as length, \
                   array(select greatest(extract(epoch from expires_at - clock_timestamp()), 0)::float8 from held \
                         where expires_at is not null order by expires_at limit 1000) as left",
            )
            .await?;
        let silence = seconds(hastened(RUNNER_SILENCE));
        let row = client.query_one(&statement, &[&silence, &RECENT]).await?;
        let capacity: i64 = column(&row, "capacity")?;
        let free = capacity.saturating_sub(column(&row, "held")?);
        let free = u32::try_from(free.max(0)).unwrap_or(u32::MAX);
        let length = column::<Option<f64>>(&row, "length")?.filter(|_| {
            // A few say nothing about the next ones.
            column::<i64>(&row, "recent").is_ok_and(|recent| recent >= TOO_FEW)
        });
        let left: Vec<f64> = column(&row, "left")?;
        let wait = wait(place.saturating_sub(free), capacity, length, &left);
        Ok(Some(Line { place, free, wait }))
    }
}

/// How long it takes until so many places have come free. Sessions of a usual length leave at an even pace; and none stays longer
/// than its time, so a place is free at the latest when the times of so many are up.
fn wait(leavers: u32, capacity: i64, length: Option<f64>, left: &[f64]) -> Option<Duration> {
    if leavers == 0 {
        return Some(Duration::ZERO);
    }
    let usual = length.filter(|_| capacity > 0).map(|length| length * f64::from(leavers) / capacity as f64);
    let latest = usize::try_from(leavers - 1).ok().and_then(|index| left.get(index)).copied();
    let wait = match (usual, latest) {
        (Some(usual), Some(latest)) => usual.min(latest),
        (usual, latest) => usual.or(latest)?,
    };
    Duration::try_from_secs_f64(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_recent_lengths_and_never_passes_what_is_left_to_others() {
        let of = |leavers, length, left: &[f64]| wait(leavers, 4, length, left).map(|wait| wait.as_secs());
        assert_eq!(of(0, None, &[]), Some(0));
        assert_eq!(of(1, Some(1200.0), &[]), Some(300));
        assert_eq!(of(3, Some(1200.0), &[900.0, 1000.0, 1100.0]), Some(900));
        assert_eq!(of(1, Some(1200.0), &[60.0]), Some(60));
        assert_eq!(of(2, None, &[60.0, 90.0]), Some(90));
        assert_eq!(of(2, None, &[60.0]), None, "nobody knows when the second one leaves");
        assert_eq!(wait(1, 0, Some(60.0), &[]), None, "no runner is there");
    }
}
