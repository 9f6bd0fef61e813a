//! The compose file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::compose_file;
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::planner::{Planner, compose_config_step};

/// There is a compose file (`compose.yaml`, `compose.yml`, `docker-compose.yml` or `docker-compose.yaml`), and Docker can
/// read it.
///
/// ```toml
/// [[checks]]
/// type = "compose_valid"
/// ```
///
/// Codes: `compose_missing`, `compose_invalid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComposeValid {}

impl Rule for ComposeValid {
    fn codes(&self) -> Vec<&str> {
        vec!["compose_missing", "compose_invalid"]
    }

    fn title(&self) -> String {
        "There is a compose file that Docker can read".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.compose_config();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if compose_file::name(facts.subject.files).is_none() {
            return finding(
                "compose_missing",
                "There is no compose file in the workspace.",
                "Create a file called compose.yaml at the top of the workspace.",
                "docker compose reads from it which services there are and how they are started.",
            )
            .into();
        }
        let Some(Observed::ComposeConfig(seen)) = facts.observed(&compose_config_step()) else {
            return Answer::Skipped;
        };
        if seen.config.is_some() {
            return Answer::Met;
        }
        let error = seen.error.trim();
        let last = error.lines().last().unwrap_or(error).trim();
        let mut found = finding(
            "compose_invalid",
            format!("Docker can't read the compose file: {}.", last.trim_end_matches('.')),
            "docker compose config says the same, and shows what it understands when all is well. Indents count in YAML.",
            "A file that can't be read starts nothing at all.",
        );
        found.place = compose_file::place_of_error(facts.subject.files, error);
        found.log = (error != last).then(|| error.to_owned());
        found.into()
    }
}
