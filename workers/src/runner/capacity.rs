//! How many sandboxes of learners this machine carries.

use crate::settings::Settings;

/// What a sandbox takes on average, in bytes: an idle one about 70 MB, one that builds several hundred. The limit of each
/// sandbox is far higher, but hardly ever do all build at once.
const TYPICAL: u64 = 400 << 20;

/// The part of the memory, in percent, that sandboxes may count on; the rest is for the engine outside and the system.
const SHARE: u64 = 85;

/// The setting, or what the memory carries: at least one.
pub(crate) fn capacity(settings: &Settings) -> usize {
    settings.capacity.unwrap_or_else(|| {
        let typical = TYPICAL.min(settings.sandboxes.limits.memory_bytes).max(1);
        carried(memory_bytes(), settings.sandboxes.limits.memory_bytes, typical, settings.judges)
    })
}

/// Judges count with their whole limit: they build all the time.
fn carried(memory: u64, limit: u64, typical: u64, judges: usize) -> usize {
    let usable = memory / 100 * SHARE;
    let for_learners = usable.saturating_sub(limit * judges as u64);
    usize::try_from(for_learners / typical).unwrap_or(usize::MAX).max(1)
}

/// The machine's memory, or its container's, whichever is less. 4 GB when neither can be read.
fn memory_bytes() -> u64 {
    let of_machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    let of_group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    of_machine.into_iter().chain(of_group).min().unwrap_or(4_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_carries_more_than_the_limits_add_up_to_and_at_least_one() {
        let (limit, typical) = (1_500_000_000, 400_000_000);
        assert_eq!(carried(4_000_000_000, limit, typical, 1), 4);
        assert_eq!(carried(24_000_000_000, limit, typical, 1), 47);
        assert_eq!(carried(1_000_000_000, limit, typical, 2), 1);
        assert!(memory_bytes() > 0);
    }
}
