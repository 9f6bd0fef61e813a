//! The one place for everything that bounds a sandbox.

use std::collections::HashMap;

use bollard::models::{HostConfig, HostConfigLogConfig, ResourcesUlimits};

/// How much of the machine one sandbox may have.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory of everything in it, its engine and the learner's containers included; none of it is swapped (SANDBOX_MEMORY_BYTES).
    pub memory_bytes: u64,
    /// Processors, in parts if need be (SANDBOX_CPUS).
    pub cpus: f64,
    /// Processes and threads (SANDBOX_PIDS).
    pub pids: u32,
    /// What the learner may write beyond the lab images: workspace, home, /tmp, images and containers together
    /// (SANDBOX_DISK_BYTES).
    pub disk_bytes: u64,
    /// Open files of one process; never more than this process itself may have.
    pub open_files: u32,
    /// What the host keeps of the agent's own log.
    pub log_bytes: u64,
    /// /run, where sockets and the engine's run-time state lie; counts as memory.
    pub run_bytes: u64,
    /// /dev/shm; counts as memory.
    pub shm_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1_500_000_000,
            cpus: 1.0,
            pids: 1024,
            disk_bytes: 4 << 30,
            open_files: 65_536,
            log_bytes: 1 << 20,
            run_bytes: 64 << 20,
            shm_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// Writes the limits into a container's configuration. The disk's is not among them: the volume has it.
    pub(super) fn apply(&self, config: &mut HostConfig) {
        let memory = i64::try_from(self.memory_bytes).unwrap_or(i64::MAX);
        config.memory = Some(memory);
        // Memory and swap together: equal means no swap, so that a full memory is a clear end and not a slow machine.
        config.memory_swap = Some(memory);
        config.nano_cpus = Some((self.cpus * 1e9) as i64);
        config.pids_limit = Some(i64::from(self.pids));
        config.shm_size = i64::try_from(self.shm_bytes).ok();
        // Not `nproc`: the kernel counts it per user over all sandboxes, so one could use up another's.
        config.ulimits =
            Some(vec![ulimit("nofile", self.open_files.min(most_open_files())), ulimit("core", 0)]);
        config.log_config = Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), self.log_bytes.to_string()),
                ("max-file".to_owned(), "1".to_owned()),
            ])),
        });
        let run = format!("rw,nosuid,nodev,mode=755,size={}", self.run_bytes);
        config.tmpfs = Some(HashMap::from([("/run".to_owned(), run)]));
    }
}

/// An engine that was started like this process can't give more than that when it lacks CAP_SYS_RESOURCE: the container
/// would not start.
fn most_open_files() -> u32 {
    let maximum = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    maximum.and_then(|files| u32::try_from(files).ok()).unwrap_or(u32::MAX)
}

fn ulimit(name: &str, value: u32) -> ResourcesUlimits {
    let value = Some(i64::from(value));
    ResourcesUlimits { name: Some(name.to_owned()), soft: value, hard: value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_off_and_processors_come_in_parts() {
        let mut config = HostConfig::default();
        Limits { cpus: 0.5, ..Limits::default() }.apply(&mut config);
        assert_eq!(config.memory, Some(1_500_000_000));
        assert_eq!(config.memory_swap, config.memory);
        assert_eq!(config.nano_cpus, Some(500_000_000));
    }
}
