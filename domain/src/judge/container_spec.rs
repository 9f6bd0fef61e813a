//! How a container of the attempt's image is started.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a container of the attempt's image is started with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Arguments in place of the image's own `CMD`; empty: the image's own.
    pub command: Vec<String>,
    /// Container ports that are to be reachable.
    pub ports: Vec<u16>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Memory limit, in MiB.
    pub memory_mib: u32,
    /// Its root file system can't be written.
    pub read_only: bool,
    /// Container paths that lie in memory.
    pub tmpfs: Vec<String>,
    /// It has no capability, and no way to get one back.
    pub bare: bool,
    /// Container path at which a named volume lies.
    pub volume: Option<String>,
}
