//! A container that needs no rights of root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::{fifteen, ok};
use super::special_container::SpecialContainer;
use super::{Answer, Rule, finding};
use crate::judge::container_spec::ContainerSpec;
use crate::judge::facts::Facts;
use crate::judge::planner::Planner;

/// The app also answers without any capability (`docker run --cap-drop=ALL --security-opt=no-new-privileges`).
///
/// ```toml
/// [[checks]]
/// type = "drops_capabilities"
/// port = 8000
/// path = "/health"
/// status = 200         # optional
/// within_seconds = 15  # optional, from the container's start
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up in any case), `capabilities_needed`. Skipped when the
/// build fails, or when the app does not answer in a plain container either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DropsCapabilities {
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

impl Rule for DropsCapabilities {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", "capabilities_needed"]
    }

    fn title(&self) -> String {
        "The app works without any capability".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let how = ContainerSpec { bare: true, ..planner.container() };
        self.container().plan(planner, how);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        self.container().judge(facts, |trouble| {
            finding(
                "capabilities_needed",
                format!("Without capabilities the app does not work: {trouble}"),
                "Try it with docker run --cap-drop=ALL. What does it do at its start that only root may, such as changing \
                 its user or a file's owner? The build could have done that.",
                "A container gets a part of root's rights by default. A service that answers requests needs none of them, \
                 and who breaks into it should find none.",
            )
        })
    }
}

impl DropsCapabilities {
    fn container(&self) -> SpecialContainer {
        let run = "run without capabilities".to_owned();
        SpecialContainer::new(run, self.port, &self.path, self.status, self.within_seconds)
    }
}
