//! Data that outlives its container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::fifteen;
use super::keeping::{CODES, Kept, ReadRequest, WriteRequest};
use super::running::run_failure;
use super::{Answer, Rule};
use crate::judge::container_spec::ContainerSpec;
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, http_step, run_step};

/// What the app stores is still there when its container is removed and made anew with the same volume.
///
/// ```toml
/// [[checks]]
/// type = "restart_keeps"
/// port = 8000
/// volume = "/data"     # container path on which the volume lies
/// write = { method = "POST", path = "/notes", body = "hello" }   # method: POST if none is given; headers = { … }: optional
/// read = { path = "/notes", body_contains = "hello" }
/// within_seconds = 15  # optional, from each container's start
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up), `data_not_stored` (writing fails, or what was written can't be read
/// even at once), `data_lost`, `data_unreachable` (the new container does not answer). Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestartKeeps {
    /// Port of the container.
    pub port: u16,
    /// Container path of the volume.
    pub volume: String,
    /// The request that stores something.
    pub write: WriteRequest,
    /// The request that must find it again.
    pub read: ReadRequest,
    /// Seconds from each container's start.
    #[serde(default = "fifteen")]
    pub within_seconds: u32,
}

impl Rule for RestartKeeps {
    fn codes(&self) -> Vec<&str> {
        [&["docker_run_failed"], &CODES[..]].concat()
    }

    fn title(&self) -> String {
        "What is stored outlives the container".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        // So that a container that does not start at all is told by the first check that needs one.
        if planner.run(&[]).is_none() {
            return;
        }
        let container = ContainerSpec {
            ports: vec![self.port],
            volume: Some(self.volume.clone()),
            ..planner.container()
        };
        let Some(first) = planner.run_own(self.first(), container) else { return };
        let written = planner.ask(&first, &self.write.at(self.port), self.within_seconds);
        let read = planner.ask(&first, &self.read.at(self.port), self.within_seconds);
        planner.need(&read, &written);
        let second = planner.step(self.second(), &[read], Action::RunAnew { run: first });
        planner.ask(&second, &self.read.at(self.port), self.within_seconds);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        for run in [run_step(), self.first()] {
            if let Some(answer) = run_failure(facts, &run) {
                return answer;
            }
        }
        if let Some(Observed::Run(seen)) = facts.observed(&self.second())
            && let ContainerState::NotStarted { .. } = seen.state
        {
            return super::running::gone(&seen.state, &seen.log).into();
        }
        let (write, read) = (self.write.at(self.port), self.read.at(self.port));
        let kept = Kept {
            written: facts.observed(&http_step(&self.first(), &write)),
            read_at_once: facts.observed(&http_step(&self.first(), &read)),
            read_later: facts.observed(&http_step(&self.second(), &read)),
            write,
            read,
            within_seconds: self.within_seconds,
            between: "its container was removed and made anew with the same volume",
        };
        match kept.failure() {
            Err(()) => Answer::Skipped,
            Ok(None) => Answer::Met,
            Ok(Some(found)) => found.into(),
        }
    }
}

impl RestartKeeps {
    fn first(&self) -> StepId {
        StepId(format!("run with a volume at {}", self.volume))
    }

    fn second(&self) -> StepId {
        StepId(format!("run anew with the volume at {}", self.volume))
    }
}
