//! What the running container answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compose_up::asks_for;
use super::running::{gone, run_failure, unanswered};
use super::{Answer, Rule, service_run};
use crate::judge::compose_file;
use crate::judge::facts::Facts;
use crate::judge::http_expectation::{Expected, HttpExpectation, JsonExpectation, Method};
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::planner::{Planner, compose_up_step, http_step, run_step};
use crate::judge::text_pattern::{Pattern, Wanted};

/// A container of the image answers this HTTP request rightly, in time.
///
/// ```toml
/// [[checks]]
/// type = "http"
/// port = 8000                # of the container
/// path = "/health"
/// method = "GET"             # optional
/// request_headers = { Accept = "application/json" }   # optional
/// request_body = "{}"        # optional
/// status = 200               # optional
/// headers = { Content-Type = "/^application\\/json/" }   # optional: a text, /a regular expression/, or "*"
/// body_contains = "ok"       # optional
/// body_matches = "o+k"       # optional, a regular expression
/// json = { pointer = "/status", equals = "ok" }   # optional
/// within_seconds = 15        # optional, from the container's start
/// env = { GREETING = "hi" }  # optional
/// code = "greeting_wrong"    # optional, in place of healthcheck_failed
/// service = "web"            # optional: a service of the compose project is asked, within its network
/// published = true           # optional, with service: at this port of the machine, from outside
/// ```
///
/// What changes something (`POST` and the like) is asked until it is answered, and again only after a status of 500 or more.
///
/// Codes: `docker_run_failed` (the container does not stay up), `healthcheck_failed`; for a service `service_unanswered` when
/// nothing answers. Skipped when the build fails, or the project does not come up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Http {
    /// Port of the container.
    pub port: u16,
    /// Path, with its query.
    pub path: String,
    /// Method of the request.
    #[serde(default)]
    pub method: Method,
    /// Headers of the request.
    #[serde(default)]
    pub request_headers: BTreeMap<String, String>,
    /// Body of the request.
    pub request_body: Option<String>,
    /// Status code of a right answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers of a right answer: a text, a regular expression between slashes, or `*` for anything.
    #[serde(default)]
    pub headers: BTreeMap<String, Wanted>,
    /// Text that a right answer's body holds.
    pub body_contains: Option<String>,
    /// Regular expression that a right answer's body fits.
    pub body_matches: Option<Pattern>,
    /// Value that a right answer's body holds as JSON.
    pub json: Option<JsonExpectation>,
    /// Seconds from the container's start.
    #[serde(default = "fifteen")]
    pub within_seconds: u32,
    /// Environment variables for the container.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The service of the compose project that is asked in place of a container of the image.
    pub service: Option<String>,
    /// Whether it is asked at this port of the machine, and not at the service's own.
    #[serde(default)]
    pub published: bool,
    /// The code of its findings.
    #[serde(default = "healthcheck_failed")]
    pub code: String,
}

pub(super) fn ok() -> u16 {
    200
}

pub(super) fn fifteen() -> u32 {
    15
}

fn healthcheck_failed() -> String {
    "healthcheck_failed".to_owned()
}

impl Rule for Http {
    fn codes(&self) -> Vec<&str> {
        vec![if self.service.is_some() { UNANSWERED } else { "docker_run_failed" }, &self.code]
    }

    fn title(&self) -> String {
        let who = match &self.service {
            Some(service) => format!("The service {service}"),
            None => "A container".to_owned(),
        };
        match self.method {
            Method::Get => format!("{who} answers {} on port {}", self.path, self.port),
            method => format!("{who} answers {method} {} on port {}", self.path, self.port),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        if let Some(service) = &self.service {
            let Some(up) = planner.compose_up(0, false) else { return };
            planner.ask_service(&up, service, self.published, &self.expectation(), self.within_seconds);
            return;
        }
        let Some(run) = planner.run(&[self.port]) else { return };
        planner.ask(&run, &self.expectation(), self.within_seconds);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if let Some(service) = &self.service {
            return self.judge_service(facts, service);
        }
        let run = run_step();
        if let Some(answer) = run_failure(facts, &run) {
            return answer;
        }
        let expect = self.expectation();
        let Some(Observed::Http(seen)) = facts.observed(&http_step(&run, &expect)) else {
            return Answer::Skipped;
        };
        match unanswered(&self.code, seen, &expect, self.within_seconds) {
            None => Answer::Met,
            Some(_) if seen.response.is_none() && seen.container != ContainerState::Running => {
                if facts.is_first_to_see_end(&run) {
                    gone(&seen.container, &seen.log).into()
                } else {
                    Answer::Skipped
                }
            }
            Some(found) => found.into(),
        }
    }
}

/// The code when a service says nothing.
const UNANSWERED: &str = "service_unanswered";

impl Http {
    fn judge_service(&self, facts: &Facts<'_>, service: &str) -> Answer {
        let expect = self.expectation();
        let asked = http_step(&service_run(&compose_up_step(), service, self.published), &expect);
        let Some(Observed::Http(seen)) = facts.observed(&asked) else { return Answer::Skipped };
        if seen.response.is_none() && seen.container != ContainerState::Running && asks_for(facts, service) {
            return Answer::Skipped;
        }
        let code = if seen.response.is_some() { &self.code } else { UNANSWERED };
        let Some(mut found) = unanswered(code, seen, &expect, self.within_seconds) else {
            return Answer::Met;
        };
        if seen.response.is_none() && seen.container != ContainerState::Running {
            found.message =
                format!("The service {service} does not run, so nobody answers {}.", expect.asked());
            found.hint = "docker compose ps -a shows how it ended, and docker compose logs why.".to_owned();
        } else if seen.response.is_none() && self.published {
            found.message = format!(
                "Nothing answered {} of the machine within {} seconds ({}).",
                expect.asked(),
                self.within_seconds,
                seen.error.as_deref().unwrap_or("no connection")
            );
            found.hint = "Which port of the machine leads to which port of the service? The left one is the machine's.".to_owned();
            found.why = Some("Whoever is outside of the project only gets to published ports.".to_owned());
        }
        found.place = compose_file::place(facts.subject.files, service, self.published.then_some("ports"));
        found.into()
    }

    fn expectation(&self) -> HttpExpectation {
        HttpExpectation {
            method: self.method,
            port: self.port,
            path: self.path.clone(),
            request_headers: self.request_headers.clone(),
            request_body: self.request_body.clone(),
            expected: Expected {
                status: Some(self.status),
                headers: self.headers.clone(),
                body_contains: self.body_contains.clone(),
                body_matches: self.body_matches.clone(),
                json: self.json.clone(),
            },
        }
    }
}
