//! Data that outlives the containers of a project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::fifteen;
use super::keeping::{Kept, ReadRequest, WriteRequest};
use super::{Answer, Rule};
use crate::judge::compose_file;
use crate::judge::facts::Facts;
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, compose_up_step, http_step};

/// What a service stores is still there after `docker compose down` and `up`.
///
/// ```toml
/// [[checks]]
/// type = "compose_keeps"
/// service = "web"
/// port = 8000          # of its container
/// write = { method = "POST", path = "/notes", body = "hello" }   # method: POST if none is given; headers = { … }: optional
/// read = { path = "/notes", body_contains = "hello" }
/// within_seconds = 30  # optional, for each request
/// ```
///
/// Codes: `data_lost`. Skipped when the project does not come up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComposeKeeps {
    /// The service that is asked.
    pub service: String,
    /// Port of its container.
    pub port: u16,
    /// The request that stores something.
    pub write: WriteRequest,
    /// The request that must find it again.
    pub read: ReadRequest,
    /// Seconds for each request.
    #[serde(default = "thirty")]
    pub within_seconds: u32,
}

fn thirty() -> u32 {
    2 * fifteen()
}

impl Rule for ComposeKeeps {
    fn codes(&self) -> Vec<&str> {
        vec!["data_lost"]
    }

    fn title(&self) -> String {
        format!("What {} stores outlives docker compose down", self.service)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(up) = planner.compose_up(0, false) else { return };
        let (write, read) = (self.write.at(self.port), self.read.at(self.port));
        let written = planner.ask_service(&up, &self.service, false, &write, self.within_seconds);
        let at_once = planner.ask_service(&up, &self.service, false, &read, self.within_seconds);
        planner.need(&at_once, &written);
        let anew = planner.step(
            anew_step(),
            &[up],
            Action::ComposeAnew { within_seconds: super::compose_up::sixty() },
        );
        planner.ask_service(&anew, &self.service, false, &read, self.within_seconds);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let (write, read) = (self.write.at(self.port), self.read.at(self.port));
        let up = compose_up_step();
        let at = |step: &StepId, expect| {
            facts.observed(&http_step(&service_run(step, &self.service, false), expect))
        };
        let kept = Kept {
            written: at(&up, &write),
            read_at_once: at(&up, &read),
            read_later: at(&anew_step(), &read),
            write: write.clone(),
            read: read.clone(),
            within_seconds: self.within_seconds,
            between: "docker compose down and up",
        };
        match kept.failure() {
            Err(()) => Answer::Skipped,
            Ok(None) => Answer::Met,
            Ok(Some(mut found)) => {
                found.place = compose_file::place(facts.subject.files, &self.service, Some("volumes"));
                found.into()
            }
        }
    }
}

/// The name under which a service of a started project is asked.
pub(in crate::judge) fn service_run(up: &StepId, service: &str, published: bool) -> StepId {
    StepId(format!("{up}: {service}{}", if published { " from outside" } else { "" }))
}

fn anew_step() -> StepId {
    StepId("compose down and up".to_owned())
}
