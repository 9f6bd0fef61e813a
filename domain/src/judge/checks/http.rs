//! The running container: what it answers, and whether it calls itself healthy.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, HttpResponse, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, run_step};
use crate::verdict::Finding;

/// A container of the image answers this HTTP request rightly, in time.
///
/// ```toml
/// [[checks]]
/// type = "http"
/// port = 8000                # of the container
/// path = "/health"
/// status = 200               # optional
/// body_contains = "ok"       # optional
/// json = { pointer = "/status", equals = "ok" }   # optional
/// within_seconds = 15        # optional, from the container's start
/// env = { GREETING = "hi" }  # optional
/// code = "greeting_wrong"    # optional, in place of healthcheck_failed
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up), `healthcheck_failed`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Http {
    /// Port of the container.
    pub port: u16,
    /// Path, with its query.
    pub path: String,
    /// Status code of a right answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that a right answer's body holds.
    pub body_contains: Option<String>,
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

fn ok() -> u16 {
    200
}

fn fifteen() -> u32 {
    15
}

fn healthcheck_failed() -> String {
    "healthcheck_failed".to_owned()
}

/// A value within a JSON text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonExpectation {
    /// Where it stands, as a JSON pointer (RFC 6901): `/status`.
    pub pointer: String,
    /// What it must be.
    pub equals: serde_json::Value,
}

/// A request and what must come back: all that whoever asks needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpExpectation {
    /// Port of the container.
    pub port: u16,
    /// Path, with its query.
    pub path: String,
    /// What must come back.
    pub expected: Expected,
}

/// A right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Its status code.
    pub status: u16,
    /// Text in its body.
    pub body_contains: Option<String>,
    /// Value in its body.
    pub json: Option<JsonExpectation>,
}

impl HttpExpectation {
    /// Whether this is the right answer.
    ///
    /// # Errors
    /// What is wrong about it, in a sentence.
    pub fn is_met(&self, response: &HttpResponse) -> Result<(), String> {
        let expected = &self.expected;
        if response.status != expected.status {
            return Err(format!(
                "It answers with status {} in place of {}.",
                response.status, expected.status
            ));
        }
        if let Some(text) = &expected.body_contains
            && !response.body.contains(text.as_str())
        {
            return Err(format!("Its answer does not hold {text:?}."));
        }
        if let Some(json) = &expected.json {
            let Ok(body) = serde_json::from_str::<serde_json::Value>(&response.body) else {
                return Err("Its answer is no JSON.".to_owned());
            };
            match body.pointer(&json.pointer) {
                Some(value) if *value == json.equals => {}
                Some(value) => {
                    return Err(format!(
                        "In its answer, {} is {value} in place of {}.",
                        json.pointer, json.equals
                    ));
                }
                None => return Err(format!("Its answer has nothing at {}.", json.pointer)),
            }
        }
        Ok(())
    }
}

impl Rule for Http {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", &self.code]
    }

    fn title(&self) -> String {
        format!("A container answers {} on port {}", self.path, self.port)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(run) = planner.run(&[self.port], &self.env) else { return };
        let expect = self.expectation();
        let step = http_step(&expect);
        let action = Action::Http { run: run.clone(), expect, within_seconds: self.within_seconds };
        planner.step(step, &[run], action);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if let Some(answer) = run_failure(facts) {
            return answer;
        }
        let expectation = self.expectation();
        let Some(Observed::Http(seen)) = facts.observed(&http_step(&expectation)) else {
            return Answer::Skipped;
        };
        let asked = format!("GET {} on port {}", self.path, self.port);
        let mut found = match &seen.response {
            Some(response) => match expectation.is_met(response) {
                Ok(()) if seen.after_seconds > f64::from(self.within_seconds) => finding(
                    &self.code,
                    format!(
                        "{asked} was answered only after {:.0} seconds; {} are given.",
                        seen.after_seconds, self.within_seconds
                    ),
                    "What does the app do before it listens? Perhaps a step of the build could do it once and for all.",
                    "A platform that starts containers gives up on those that take too long.",
                ),
                Ok(()) => return Answer::Met,
                Err(what) => {
                    let mut found = finding(
                        &self.code,
                        format!("{asked} is answered, but not rightly. {what}"),
                        "Ask it yourself: docker run with -p, then curl -i. Does the image hold the app that you think it does?",
                        "Whoever watches over the container takes this answer as \"out of order\".",
                    );
                    let body: String = response.body.chars().take(2000).collect();
                    found.log = Some(format!("HTTP {}\n{body}", response.status));
                    return found.into();
                }
            },
            None if seen.container != ContainerState::Running => {
                return gone(&seen.container, &seen.log).into();
            }
            None => finding(
                &self.code,
                format!(
                    "Nothing answered {asked} within {} seconds ({}).",
                    self.within_seconds,
                    seen.error.as_deref().unwrap_or("no connection")
                ),
                "The container runs, but nobody is at that port. Does the app listen on 0.0.0.0 and not only on \
                 127.0.0.1, and on this very port?",
                "127.0.0.1 within a container is that container alone: nothing from outside gets there.",
            ),
        };
        found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
        found.into()
    }
}

impl Http {
    fn expectation(&self) -> HttpExpectation {
        HttpExpectation {
            port: self.port,
            path: self.path.clone(),
            expected: Expected {
                status: self.status,
                body_contains: self.body_contains.clone(),
                json: self.json.clone(),
            },
        }
    }
}

fn http_step(expect: &HttpExpectation) -> StepId {
    // Two checks that ask the same but expect different things are two steps.
    let expected = match &expect.expected {
        Expected { body_contains: None, json: None, .. } => String::new(),
        other => format!(" {}", serde_json::to_string(other).unwrap_or_default()),
    };
    StepId(format!("http {}{} {}{expected}", expect.port, expect.path, expect.expected.status))
}

/// The answer for a check that needs a running container, when there is none: the first such check says why, the
/// others are skipped.
fn run_failure(facts: &Facts<'_>) -> Option<Answer> {
    match facts.observed(&run_step()) {
        Some(Observed::Run(run)) if run.state == ContainerState::Running => None,
        Some(Observed::Run(run)) if facts.is_first_to_need(&run_step()) => {
            Some(gone(&run.state, &run.log).into())
        }
        _ => Some(Answer::Skipped),
    }
}

fn gone(state: &ContainerState, log: &str) -> Finding {
    let why = "A container lives exactly as long as its first process.";
    let (message, hint) = match state {
        ContainerState::NotStarted { error } => (
            format!("The container could not be started: {}.", cause(error)),
            "Look at CMD and ENTRYPOINT: is the program there, under this path, and may it be executed?",
        ),
        ContainerState::Exited { out_of_memory: true, .. } => (
            "The container used more memory than it may and was stopped.".to_owned(),
            "What does the app load when it starts?",
        ),
        ContainerState::Exited { code: 0, .. } => (
            "The container ended at once, without an error.".to_owned(),
            "The process that CMD starts must stay in the foreground: a server, not a command that is done.",
        ),
        ContainerState::Exited { code, .. } => (
            format!("The container ended with exit code {code} right after its start."),
            "Its output below says why. docker run and docker logs show you the same.",
        ),
        ContainerState::Running => ("The container was stopped.".to_owned(), "Try it again with docker run."),
    };
    let mut found = finding("docker_run_failed", message, hint, why);
    found.log = (!log.is_empty()).then(|| log.to_owned());
    found
}

/// The part of the engine's words that speaks about the learner's program.
fn cause(error: &str) -> &str {
    let error = error.rsplit_once("unable to start container process: ").map_or(error, |(_, cause)| cause);
    let line = error.lines().next().unwrap_or(error).trim();
    line.strip_suffix(": unknown").unwrap_or(line).trim_end_matches('.')
}

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
        let Some(run) = planner.run(&[], &BTreeMap::new()) else { return };
        let action = Action::Health { run: run.clone(), within_seconds: self.within_seconds };
        planner.step(health_step(), &[run], action);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if let Some(answer) = run_failure(facts) {
            return answer;
        }
        let Some(Observed::Health(seen)) = facts.observed(&health_step()) else { return Answer::Skipped };
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
