//! Tells one process from another that got the same number later.

use serde::{Deserialize, Serialize};

/// Names a process for good: a pid alone is given out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The process's number.
    pub(crate) pid: i32,
    /// When it started, in clock ticks since the machine's boot: two processes with one number differ in it.
    started: u64,
    /// The boot that the ticks count from.
    boot: String,
}

impl Identity {
    /// Looks a living process up.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, started: start_of_living(&stat)?, boot: boot() })
    }

    /// The process that runs this code.
    pub(crate) fn of_this_process() -> Option<Self> {
        Self::of(i32::try_from(std::process::id()).ok()?)
    }

    /// Whether this very process still lives. A zombie does not.
    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

/// The start time in a line of `/proc/<pid>/stat`. The name in parentheses may itself hold spaces and parentheses, so the
/// fields are counted from the last one.
fn start_of_living(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// What names this boot of the machine.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) R 1) (b)) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2469888 1";
        assert_eq!(start_of_living(stat), Some(987_654));
    }

    #[test]
    fn a_process_that_ended_is_not_alive_any_more() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(identity.is_alive());
        child.kill().unwrap();
        // Not waited for yet: a zombie, or about to be one.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while identity.is_alive() {
            assert!(std::time::Instant::now() < deadline, "a killed process still counts as alive");
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn the_same_number_with_another_start_is_another_process() {
        let mut identity = Identity::of_this_process().unwrap();
        identity.started += 1;
        assert!(!identity.is_alive());
    }
}
