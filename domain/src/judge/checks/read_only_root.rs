//! A container that writes nowhere but where it may.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::{fifteen, ok};
use super::special_container::SpecialContainer;
use super::{Answer, Rule, finding};
use crate::judge::container_spec::ContainerSpec;
use crate::judge::facts::Facts;
use crate::judge::planner::Planner;

/// The app also answers when its container's root file system can't be written (`docker run --read-only`).
///
/// ```toml
/// [[checks]]
/// type = "read_only_root"
/// tmpfs = ["/tmp"]     # optional: container paths that lie in memory and can be written
/// port = 8000
/// path = "/health"
/// status = 200         # optional
/// within_seconds = 15  # optional, from the container's start
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up in any case), `read_only_fails`. Skipped when the build
/// fails, or when the app does not answer in a plain container either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadOnlyRoot {
    /// Container paths that lie in memory.
    #[serde(default)]
    pub tmpfs: Vec<String>,
    /// Port of the container.
    pub port: u16,
    /// Path, with its query.
    pub path: String,
    /// Status code of a right answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Seconds from the container's start.
    #[serde(default = "fifteen")]
    pub within_seconds: u32,
}

impl Rule for ReadOnlyRoot {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", "read_only_fails"]
    }

    fn title(&self) -> String {
        "The app works on a read-only root file system".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let how = ContainerSpec { read_only: true, tmpfs: self.tmpfs.clone(), ..planner.container() };
        self.container().plan(planner, how);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        self.container().judge(facts, |trouble| {
            finding(
                "read_only_fails",
                format!("On a read-only root file system the app does not work: {trouble}"),
                "Try it with docker run --read-only: which path does it want to write, and need that lie in the image?",
                "Who breaks into a container whose files can't be changed can't plant anything there; and what an app \
                 writes into its image's layer is gone with the container.",
            )
        })
    }
}

impl ReadOnlyRoot {
    fn container(&self) -> SpecialContainer {
        let run = format!("run read-only {}", self.tmpfs.join(" "));
        SpecialContainer::new(run, self.port, &self.path, self.status, self.within_seconds)
    }
}
