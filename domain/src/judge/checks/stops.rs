//! A container that heeds SIGTERM.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::{gone, run_failure};
use super::{Answer, CheckKind, Rule, finding};
use crate::judge::container_spec::ContainerSpec;
use crate::judge::facts::Facts;
use crate::judge::http_expectation::{Expected, HttpExpectation};
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, run_step};

/// The container ends in time when it is asked to, as `docker stop` does: by a SIGTERM to its first process.
///
/// When the lab has an `http` check, the container is asked over HTTP first, so that the signal does not come before
/// the app is up.
///
/// ```toml
/// [[checks]]
/// type = "stops"
/// within_seconds = 5   # optional
/// exit_code = 0        # optional: otherwise any will do
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up), `sigterm_ignored`, `stop_exit_code_wrong`. Skipped when
/// the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stops {
    /// Seconds from SIGTERM to its end.
    #[serde(default = "five")]
    pub within_seconds: u32,
    /// The exit code that it must end with.
    pub exit_code: Option<i64>,
}

fn five() -> u32 {
    5
}

/// Seconds that the app gets to come up before it is asked to stop.
const UP: u32 = 15;

impl Rule for Stops {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", "sigterm_ignored", "stop_exit_code_wrong"]
    }

    fn title(&self) -> String {
        format!("The container ends within {} seconds when it is asked to stop", self.within_seconds)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let asked = planner.lab.checks.iter().find_map(|check| match &check.kind {
            CheckKind::Http(http) if http.service.is_none() => Some(http),
            _ => None,
        });
        let mut container = planner.container();
        if let Some(http) = asked {
            container = ContainerSpec { ports: vec![http.port], ..container };
        }
        let Some(run) = planner.run_own(run_to_stop(), container) else { return };
        let action = Action::Stop { run: run.clone(), within_seconds: self.within_seconds };
        let stop = planner.step(self.step(), std::slice::from_ref(&run), action);
        if let Some(http) = asked {
            let expect = HttpExpectation::get(http.port, &http.path, Expected::default());
            let up = planner.ask(&run, &expect, UP);
            planner.wait(&stop, &up);
        }
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let run = run_to_stop();
        if let Some(answer) = run_failure(facts, &run) {
            // Another check that looks at a container tells it as well, and once is enough.
            return if others_look(facts) { Answer::Skipped } else { answer };
        }
        let Some(Observed::Stopped(seen)) = facts.observed(&self.step()) else { return Answer::Skipped };
        if seen.before != ContainerState::Running {
            return if others_look(facts) { Answer::Skipped } else { gone(&seen.before, &seen.log).into() };
        }
        let why = "docker stop, an update or a full machine all send SIGTERM first. Who does not heed it is killed after a \
                   while, in the middle of whatever it does.";
        let mut found = if seen.killed || seen.after_seconds > f64::from(self.within_seconds) {
            finding(
                "sigterm_ignored",
                format!(
                    "The container did not end within {} seconds of SIGTERM and was killed.",
                    self.within_seconds
                ),
                "Which process is number 1 in the container, the app or a shell? A shell passes no signal on; and process \
                 1 ignores every signal that it does not handle itself.",
                why,
            )
        } else {
            match self.exit_code {
                Some(wanted) if wanted != seen.exit_code => finding(
                    "stop_exit_code_wrong",
                    format!(
                        "After SIGTERM the container ended with exit code {} in place of {wanted}.",
                        seen.exit_code
                    ),
                    "143 means that the signal ended the process by itself: what should the app do before it ends?",
                    why,
                ),
                _ => return Answer::Met,
            }
        };
        found.place = facts.place_of(&["ENTRYPOINT", "CMD"]);
        found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
        found.into()
    }
}

impl Stops {
    fn step(&self) -> StepId {
        StepId(format!("stop within {}", self.within_seconds))
    }
}

fn run_to_stop() -> StepId {
    StepId("run to be stopped".to_owned())
}

fn others_look(facts: &Facts<'_>) -> bool {
    facts.plan.steps.iter().any(|step| step.id == run_step())
}
