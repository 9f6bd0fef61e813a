//! What Docker itself says about the container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::{gone, run_failure};
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, run_step};

/// The image has a `HEALTHCHECK`, and a container of it becomes healthy in time.
///
/// ```toml
/// [[checks]]
/// type = "health"
/// within_seconds = 30   # optional, from the container's start
/// ```
///
/// Codes: `docker_run_failed`, `health_status_missing`, `health_status_unhealthy`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Seconds from the container's start.
    #[serde(default = "thirty")]
    pub within_seconds: u32,
}

fn thirty() -> u32 {
    30
}

impl Rule for Health {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", "health_status_missing", "health_status_unhealthy"]
    }

    fn title(&self) -> String {
        "Docker reports the container as healthy".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(run) = planner.run(&[]) else { return };
        let action = Action::Health { run: run.clone(), within_seconds: self.within_seconds };
        planner.step(health_step(), &[run], action);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if let Some(answer) = run_failure(facts, &run_step()) {
            return answer;
        }
        let Some(Observed::Health(seen)) = facts.observed(&health_step()) else { return Answer::Skipped };
        if seen.container != ContainerState::Running {
            let is_mine = facts.is_first_to_see_end(&run_step());
            return if is_mine { gone(&seen.container, &seen.container_log).into() } else { Answer::Skipped };
        }
        let why = "Docker only knows that a process runs; whether the service works, a health command has to tell it.";
        let mut found = match seen.status.as_str() {
            "healthy" => return Answer::Met,
            "none" => finding(
                "health_status_missing",
                "The image has no HEALTHCHECK.",
                "Add one with a command that asks the service and fails when it does not answer.",
                why,
            ),
            status => finding(
                "health_status_unhealthy",
                format!("After {:.0} seconds the container's health is {status}.", seen.after_seconds),
                "Run the health command by hand with docker exec: is its program in the image at all?",
                why,
            ),
        };
        found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
        found.into()
    }
}

fn health_step() -> StepId {
    StepId("health".to_owned())
}
