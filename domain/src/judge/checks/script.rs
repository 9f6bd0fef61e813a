//! An author's own check.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::run_failure;
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, ScriptPlace, StepId};
use crate::judge::planner::{Planner, run_step};
use crate::verdict::Finding;

/// A shell script of the lab's author, in a container beside: for what no type covers. It passes when it ends with 0; the
/// last lines of its output go with the finding.
///
/// ```toml
/// [[checks]]
/// type = "script"
/// image = "busybox"            # one of the lab's images, or busybox
/// with = "container"           # "files", "container" or "compose"
/// run = "wget -qO- http://127.0.0.1:8000/metrics | grep -q requests_total"   # or file = "metrics.sh", beneath the lab's checks/
/// code = "metrics_missing"     # the finding's code
/// message = "The service counts no requests."
/// timeout_seconds = 30         # optional
/// ```
///
/// With `files` the workspace lies read-only at `/workspace`, and there is no network. With `container` it lies there too,
/// and the script shares the network of the attempt's container, whose ports are at 127.0.0.1. With `compose` the
/// script is in all networks of the project.
///
/// Codes: the lab's own `code`, `script_timed_out`; with `container` also `docker_run_failed`. Skipped when what it
/// looks at does not come up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Script {
    /// The image that it runs in.
    pub image: String,
    /// The script itself.
    pub run: Option<String>,
    /// The file that holds it, beneath the lab's `checks/`.
    pub file: Option<String>,
    /// The code of its finding.
    pub code: String,
    /// What its finding says.
    pub message: String,
    /// What it runs beside.
    pub with: ScriptWith,
    /// Seconds until it is stopped.
    #[serde(default = "thirty")]
    pub timeout_seconds: u32,
}

/// What a script runs beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScriptWith {
    /// The files of the workspace alone.
    Files,
    /// The attempt's container.
    Container,
    /// The services of the compose project.
    Compose,
}

fn thirty() -> u32 {
    30
}

impl Rule for Script {
    fn codes(&self) -> Vec<&str> {
        let own = [self.code.as_str(), "script_timed_out"];
        let run = (self.with == ScriptWith::Container).then_some("docker_run_failed");
        own.into_iter().chain(run).collect()
    }

    fn title(&self) -> String {
        format!("The lab's own check {} passes", self.code)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let (beside, needs) = match self.with {
            ScriptWith::Files => (ScriptPlace::Files, Vec::new()),
            ScriptWith::Container => {
                let Some(run) = planner.run(&[]) else { return };
                (ScriptPlace::Container { run: run.clone() }, vec![run])
            }
            ScriptWith::Compose => {
                let Some(up) = planner.compose_up(0, false) else { return };
                (ScriptPlace::Compose, vec![up])
            }
        };
        let script = match (&self.run, &self.file) {
            (Some(text), _) => text.clone(),
            (None, Some(file)) => {
                let text = planner.lab.scripts.get(file).map(Vec::as_slice).unwrap_or_default();
                String::from_utf8_lossy(text).into_owned()
            }
            (None, None) => return,
        };
        let action = Action::Script {
            image: self.image.clone(),
            script,
            beside,
            timeout_seconds: self.timeout_seconds,
        };
        let step = planner.step(self.step(), &needs, action);
        if self.with == ScriptWith::Container {
            planner.after_all_on(&run_step(), &step);
        }
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if self.with == ScriptWith::Container
            && let Some(answer) = run_failure(facts, &run_step())
        {
            return answer;
        }
        let Some(Observed::Script(seen)) = facts.observed(&self.step()) else { return Answer::Skipped };
        if seen.container.as_ref().is_some_and(|state| *state != ContainerState::Running) {
            return Answer::Skipped;
        }
        let mut found = match seen.exit_code {
            Some(0) => return Answer::Met,
            Some(_) => Finding {
                hint: "The output of the lab's own check stands below.".to_owned(),
                ..Finding::new(&self.code, &self.message)
            },
            None => finding(
                "script_timed_out",
                format!(
                    "The lab's own check was not done after {} seconds: {}",
                    self.timeout_seconds, self.message
                ),
                "It waits for something that does not come. What does it ask, and what would answer?",
                "A check that waits without end could not tell anything.",
            ),
        };
        found.log = (!seen.output.trim().is_empty()).then(|| seen.output.clone());
        found.into()
    }
}

impl Script {
    fn step(&self) -> StepId {
        StepId(format!("script {}", serde_json::to_string(self).unwrap_or_default()))
    }
}
