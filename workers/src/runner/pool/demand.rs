//! How many sandboxes to keep warm: as many as were asked for within the last minute, between a floor and a ceiling.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::settings::WarmSettings;

/// How long a request counts.
const WINDOW: Duration = Duration::from_secs(60);

/// The requests of the last minute.
#[derive(Debug, Default)]
pub(super) struct Demand {
    asked: VecDeque<Instant>,
}

impl Demand {
    pub(super) fn note(&mut self, now: Instant) {
        self.asked.push_back(now);
    }

    pub(super) fn target(&mut self, now: Instant, limits: WarmSettings) -> usize {
        while self.asked.front().is_some_and(|asked| now.duration_since(*asked) >= WINDOW) {
            self.asked.pop_front();
        }
        self.asked.len().max(limits.min).min(limits.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_follows_the_last_minute_between_floor_and_ceiling() {
        let limits = WarmSettings { min: 1, max: 3 };
        let mut demand = Demand::default();
        let start = Instant::now();
        assert_eq!(demand.target(start, limits), 1);
        let mut targets = Vec::new();
        for second in 0..5 {
            let now = start + Duration::from_secs(second);
            demand.note(now);
            targets.push(demand.target(now, limits));
        }
        assert_eq!(targets, [1, 2, 3, 3, 3]);
        assert_eq!(demand.target(start + Duration::from_secs(62), limits), 2);
        assert_eq!(demand.target(start + Duration::from_secs(70), limits), 1);
    }
}
