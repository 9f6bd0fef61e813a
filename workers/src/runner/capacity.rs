//! How many sandboxes of learners this machine carries: by its memory, once; by its disk, at each moment.

use crate::sandbox::DiskSpace;
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

/// How many sandboxes of learners the disk carries, those that are there included, if each is promised that many bytes: what
/// they have written of it counts as theirs already. Judges need as much.
pub(crate) fn carried_by_disk(space: &DiskSpace, promised: u64, judges: usize) -> usize {
    let promised = promised.max(1);
    let written: u64 = space.written_bytes.iter().map(|written| promised.min(*written)).sum();
    let carried = space.free_bytes.saturating_add(written) / promised;
    usize::try_from(carried).unwrap_or(usize::MAX).saturating_sub(judges)
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

    #[test]
    fn each_sandbox_is_promised_disk_and_what_it_has_written_is_part_of_that() {
        let carried = |free_bytes, written_bytes: &[u64], judges| {
            carried_by_disk(&DiskSpace { free_bytes, written_bytes: written_bytes.to_vec() }, 100, judges)
        };
        assert_eq!(carried(1000, &[], 0), 10);
        assert_eq!(carried(1000, &[], 2), 8);
        assert_eq!(carried(940, &[60], 0), 10, "as before it wrote");
        assert_eq!(carried(600, &[400], 0), 7, "what it writes beyond is nobody else's any more");
        assert_eq!(carried(50, &[100, 100], 0), 2, "those who are there, and nobody else");
        assert_eq!(carried(0, &[0], 1), 0);
    }
}
