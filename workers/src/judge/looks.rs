//! Looking again and again at something that takes its time.

use std::time::Duration;

/// Between two looks: short at first, because most apps are up in no time.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_millis(400);

/// Waits between looks, longer each time.
pub(super) struct Looks(Duration);

impl Looks {
    pub(super) fn new() -> Self {
        Self(FIRST_LOOK)
    }

    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 3 / 2).min(LONGEST_LOOK);
    }
}
