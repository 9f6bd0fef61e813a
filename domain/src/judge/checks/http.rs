//! What the running container answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::{gone, run_failure, unanswered};
use super::{Answer, Rule};
use crate::judge::facts::Facts;
use crate::judge::http_expectation::{Expected, HttpExpectation, JsonExpectation, Method};
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::planner::{Planner, http_step, run_step};
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
/// ```
///
/// What changes something (`POST` and the like) is asked until it is answered, and again only after a status of 500 or more.
///
/// Codes: `docker_run_failed` (the container does not stay up), `healthcheck_failed`. Skipped when the build fails.
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
        vec!["docker_run_failed", &self.code]
    }

    fn title(&self) -> String {
        match self.method {
            Method::Get => format!("A container answers {} on port {}", self.path, self.port),
            method => format!("A container answers {method} {} on port {}", self.path, self.port),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(run) = planner.run(&[self.port]) else { return };
        planner.ask(&run, &self.expectation(), self.within_seconds);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
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

impl Http {
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
