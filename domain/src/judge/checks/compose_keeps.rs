//! Data that outlives the containers of a project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compose_up::{asks_for, end_in_words};
use super::http::fifteen;
use super::keeping::{CODES, Kept, ReadRequest, WriteRequest, not_stored, unreachable};
use super::{Answer, Rule};
use crate::judge::compose_file;
use crate::judge::compose_observation::ComposeObserved;
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, compose_up_step, http_step};
use crate::verdict::Finding;

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
/// Codes: `data_not_stored` (the service does not run, writing fails, or what was written can't be read even at once), `data_lost`,
/// `data_unreachable` (the service does not come back). Skipped when the project does not come up, or when the service does not
/// run and a `compose_up` check asks for it.
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

/// What happens between writing and reading.
const BETWEEN: &str = "docker compose down and up";

fn thirty() -> u32 {
    2 * fifteen()
}

impl Rule for ComposeKeeps {
    fn codes(&self) -> Vec<&str> {
        CODES.to_vec()
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
        let place = |found: Finding, key| Finding {
            place: compose_file::place(facts.subject.files, &self.service, key),
            ..found
        };
        if let Some(what) = self.end(facts.project()) {
            if asks_for(facts, &self.service) {
                return Answer::Skipped;
            }
            return place(not_stored(format!("{what}, so nothing can be stored.")), None).into();
        }
        if let Some(Observed::Compose(project)) = facts.observed(&anew_step())
            && let Some(what) = self.end(Some(project))
        {
            return place(unreachable(BETWEEN, &format!("{what}.")), None).into();
        }
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
            between: BETWEEN,
        };
        match kept.failure() {
            Err(()) => Answer::Skipped,
            Ok(None) => Answer::Met,
            Ok(Some(found)) => place(found, Some("volumes")).into(),
        }
    }
}

impl ComposeKeeps {
    /// How the service comes not to run in this project, as the beginning of a sentence; `None` when it runs.
    fn end(&self, project: Option<&ComposeObserved>) -> Option<String> {
        match project?.service(&self.service) {
            Some(service) => end_in_words(service).map(|end| format!("The service {} {end}", self.service)),
            None => Some(format!("There is no container of the service {}", self.service)),
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
