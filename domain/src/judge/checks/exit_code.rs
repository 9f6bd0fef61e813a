//! A container that does something and ends.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::cause;
use super::{Answer, Rule, finding};
use crate::judge::container_spec::ContainerSpec;
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::Planner;

/// A container of the image does its work and ends with this exit code.
///
/// ```toml
/// [[checks]]
/// type = "exit_code"
/// command = ["--version"]      # optional: in place of the image's CMD, as behind `docker run <image>`
/// env = { NAME = "Ada" }       # optional
/// equals = 0                   # optional
/// within_seconds = 20          # optional
/// output_contains = "1.2"      # optional
/// ```
///
/// Codes: `exit_code_wrong`, `container_did_not_exit`, `output_wrong`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExitCode {
    /// Arguments for the container, in place of the image's `CMD`.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables for the container.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The exit code.
    #[serde(default)]
    pub equals: i64,
    /// Seconds until it must have ended.
    #[serde(default = "twenty")]
    pub within_seconds: u32,
    /// Text that its output holds.
    pub output_contains: Option<String>,
}

fn twenty() -> u32 {
    20
}

impl Rule for ExitCode {
    fn codes(&self) -> Vec<&str> {
        vec!["exit_code_wrong", "container_did_not_exit", "output_wrong"]
    }

    fn title(&self) -> String {
        format!("{} ends with exit code {}", self.what(), self.equals)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        let container =
            ContainerSpec { command: self.command.clone(), env: self.env.clone(), ..planner.container() };
        let action = Action::RunToEnd { container, within_seconds: self.within_seconds };
        planner.step(self.step(), &[build], action);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(Observed::Ended(seen)) = facts.observed(&self.step()) else { return Answer::Skipped };
        let what = self.what();
        let mut found = match &seen.state {
            ContainerState::Running => finding(
                "container_did_not_exit",
                format!("{what} was still running after {} seconds.", self.within_seconds),
                "What does it wait for? A command that has done its work has to end by itself.",
                "Whoever starts a task waits for its end; a task that never ends looks like one that hangs.",
            ),
            ContainerState::NotStarted { error } => finding(
                "exit_code_wrong",
                format!("{what} could not be started: {}.", cause(error)),
                "Look at ENTRYPOINT and CMD together: what stands behind docker run takes the place of CMD and goes to ENTRYPOINT.",
                "An image that takes arguments can be used like a command.",
            ),
            ContainerState::Exited { out_of_memory: true, .. } => finding(
                "exit_code_wrong",
                format!("{what} used more memory than it may and was stopped."),
                "What does it load?",
                "A container has only as much memory as whoever runs it grants.",
            ),
            ContainerState::Exited { code, .. } if *code != self.equals => finding(
                "exit_code_wrong",
                format!("{what} ended with exit code {code} in place of {}.", self.equals),
                "Run it yourself and look at the output; echo $? shows the exit code.",
                "Scripts and schedulers know by the exit code alone whether it went well.",
            ),
            ContainerState::Exited { .. } => match &self.output_contains {
                Some(text) if !seen.log.contains(text.as_str()) => finding(
                    "output_wrong",
                    format!("{what} does not print {text:?}."),
                    "Its output stands below. Is it the program that you think, with the arguments that you think?",
                    "What it prints is what it is there for.",
                ),
                _ => return Answer::Met,
            },
        };
        found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
        found.place = facts.place_of(&["ENTRYPOINT", "CMD"]);
        found.into()
    }
}

impl ExitCode {
    fn what(&self) -> String {
        if self.command.is_empty() {
            "The container".to_owned()
        } else {
            format!("docker run <image> {}", self.command.join(" "))
        }
    }

    fn step(&self) -> StepId {
        let words = serde_json::to_string(&(&self.command, &self.env, self.within_seconds));
        StepId(format!("run to its end {}", words.unwrap_or_default()))
    }
}
