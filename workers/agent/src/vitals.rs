//! What the kernel has counted against the sandbox's limits, read where the sandbox sees its own control group.
//!
//! The learner can't change what lies there: it is mounted read-only, and only root outside of any user namespace could mount
//! something over it.

use std::path::Path;

use containrlab_agent::message::Vitals;

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// The counters; none where the kernel shows none.
pub(crate) fn read() -> Option<Vitals> {
    read_below(Path::new(GROUPS))
}

fn read_below(groups: &Path) -> Option<Vitals> {
    // Version 2 of control groups has all in one folder, version 1 a folder for each controller.
    let memory = counter(&groups.join("memory.events"), "oom_kill")
        .or_else(|| counter(&groups.join("memory/memory.oom_control"), "oom_kill"));
    let pids = counter(&groups.join("pids.events"), "max")
        .or_else(|| counter(&groups.join("pids/pids.events"), "max"));
    if memory.is_none() && pids.is_none() {
        return None;
    }
    Some(Vitals { oom_kills: memory.unwrap_or(0), pids_refused: pids.unwrap_or(0) })
}

/// A number in a file of lines `name number`.
fn counter(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_read() {
        let groups = std::env::temp_dir().join(format!("containrlab-vitals-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = groups.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(read_below(&groups), None);
        write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
        write("pids/pids.events", "max 7\n");
        assert_eq!(read_below(&groups), Some(Vitals { oom_kills: 3, pids_refused: 7 }));
        write("memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n");
        assert_eq!(read_below(&groups), Some(Vitals { oom_kills: 1, pids_refused: 7 }));
        std::fs::remove_dir_all(&groups).unwrap();
    }
}
