//! A compose project that comes up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::cause;
use super::{Answer, CheckKind, Rule, finding};
use crate::judge::compose_file;
use crate::judge::compose_observation::{ComposeObserved, RESTARTS, ServiceObserved};
use crate::judge::facts::Facts;
use crate::judge::observation::{BuildObserved, ContainerState, Observed};
use crate::judge::planner::{Planner, compose_build_step, compose_config_step, compose_up_step};
use crate::verdict::{Finding, Place};

/// The project comes up, and these services run.
///
/// ```toml
/// [[checks]]
/// type = "compose_up"
/// services = ["web", "db"]
/// within_seconds = 60   # optional
/// healthy = true        # optional: those that have a health check must become healthy
/// ```
///
/// They are looked at when they have come up, and again when all other checks have asked what they ask.
///
/// Codes: `compose_up_failed`, `service_missing`, `service_not_running`, `service_unhealthy`. Skipped when there is no
/// compose file that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComposeUp {
    /// Names of services.
    pub services: Vec<String>,
    /// Seconds from the start of the project, builds not included.
    #[serde(default = "sixty")]
    pub within_seconds: u32,
    /// Whether those that have a health check must become healthy.
    #[serde(default)]
    pub healthy: bool,
}

/// Seconds that a project gets when no check says more.
pub(super) fn sixty() -> u32 {
    60
}

/// Lines of a failed build's output that go with the finding.
const LOG_LINES: usize = 40;

impl Rule for ComposeUp {
    fn codes(&self) -> Vec<&str> {
        vec!["compose_up_failed", "service_missing", "service_not_running", "service_unhealthy"]
    }

    fn title(&self) -> String {
        format!("docker compose up starts {}", self.services.join(", "))
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.compose_up(self.within_seconds, self.healthy);
        planner.compose_look();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(Observed::ComposeConfig(config)) = facts.observed(&compose_config_step()) else {
            return Answer::Skipped;
        };
        if config.config.is_none() {
            return Answer::Skipped;
        }
        let known = config.services();
        let mut findings: Vec<Finding> = self
            .services
            .iter()
            .filter(|service| !known.contains(&service.as_str()))
            .map(|service| missing(facts, service, &known))
            .collect();
        match (facts.observed(&compose_build_step()), facts.observed(&compose_up_step())) {
            (Some(Observed::Build(build)), _) if build.exit_code != Some(0) => {
                findings.push(failed_build(facts, build));
            }
            (_, Some(Observed::Compose(up))) => {
                // One that fell over only when it was asked something does not run either.
                let seen = ComposeObserved {
                    services: facts.project().unwrap_or(up).services.clone(),
                    ..up.clone()
                };
                if !seen.started && seen.services.iter().all(|service| service.runs()) {
                    findings.push(failed_start(facts, &seen));
                }
                let listed = self.services.iter().filter(|service| known.contains(&service.as_str()));
                findings.extend(listed.filter_map(|name| self.service_fault(facts, &seen, name)));
            }
            _ => return if findings.is_empty() { Answer::Skipped } else { findings.into() },
        }
        findings.into()
    }
}

impl ComposeUp {
    fn service_fault(&self, facts: &Facts<'_>, seen: &ComposeObserved, name: &str) -> Option<Finding> {
        let Some(service) = seen.service(name) else {
            // docker compose says itself why it did not come to that.
            return seen.started.then(|| {
                let mut found = not_running(name, "was not started", "");
                found.place = compose_file::place(facts.subject.files, name, None);
                found
            });
        };
        let is_unhealthy = self.healthy && !matches!(service.health.as_str(), "healthy" | "none");
        let mut found = match end_in_words(service) {
            Some(end) => not_running(name, &end, &service.log),
            None if is_unhealthy => unhealthy(service, seen.after_seconds),
            None => return None,
        };
        found.place = compose_file::place(facts.subject.files, name, None);
        Some(found)
    }
}

/// How a service comes not to run, as the rest of a sentence that begins with its name; `None` when it runs.
pub(super) fn end_in_words(service: &ServiceObserved) -> Option<String> {
    Some(match &service.state {
        _ if service.restarts >= RESTARTS => {
            format!("ends again and again; it was started {} times", service.restarts + 1)
        }
        ContainerState::Running => return None,
        ContainerState::Exited { out_of_memory: true, .. } => {
            "used more memory than it may and was stopped".to_owned()
        }
        ContainerState::Exited { code, .. } => format!("ended with exit code {code}"),
        ContainerState::NotStarted { error } if error.is_empty() => {
            "was made but not started: it waits for a service that is not ready".to_owned()
        }
        ContainerState::NotStarted { error } => format!("could not be started: {}", cause(error)),
    })
}

/// Whether a check of the lab asks for this service to run, and so tells when it does not.
pub(super) fn asks_for(facts: &Facts<'_>, service: &str) -> bool {
    facts.lab.checks.iter().any(|check| match &check.kind {
        CheckKind::ComposeUp(up) => up.services.iter().any(|name| name == service),
        _ => false,
    })
}

fn missing(facts: &Facts<'_>, service: &str, known: &[&str]) -> Finding {
    let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let mut found = finding(
        "service_missing",
        format!("The compose file has no service {service}; it has {has}."),
        "Each key below services is the name of a service.",
        "A service is found by its name: by people, and by the other services.",
    );
    found.place = compose_file::place(facts.subject.files, service, None);
    found
}

fn not_running(name: &str, what: &str, log: &str) -> Finding {
    let mut found = finding(
        "service_not_running",
        format!("The service {name} {what}."),
        "docker compose logs shows what it printed. What does it need that is not there: a variable, a file, another service?",
        "A project works when all of its services do.",
    );
    found.log = (!log.trim().is_empty()).then(|| log.to_owned());
    found
}

fn unhealthy(service: &ServiceObserved, after_seconds: f64) -> Finding {
    let mut found = finding(
        "service_unhealthy",
        format!(
            "After {after_seconds:.0} seconds the health of the service {} is {}.",
            service.service, service.health
        ),
        "Run its health command by hand with docker compose exec: is the program there, and does it ask the right thing?",
        "Services that wait for this one to be healthy wait for ever.",
    );
    found.log = (!service.log.trim().is_empty()).then(|| service.log.clone());
    found
}

fn failed_start(facts: &Facts<'_>, seen: &ComposeObserved) -> Finding {
    let mut errors = seen.output.lines().filter(|line| line.to_ascii_lowercase().contains("error"));
    let said =
        errors.next_back().or_else(|| seen.output.lines().last()).unwrap_or("it does not say why").trim();
    let mut found = finding(
        "compose_up_failed",
        format!("docker compose up failed: {}.", said.trim_end_matches('.')),
        "Run docker compose up yourself: it says the same.",
        "What is not up can't answer.",
    );
    found.log = Some(seen.output.clone());
    found.place = compose_file::name(facts.subject.files).map(|file| Place {
        file: file.to_owned(),
        line: None,
        end_line: None,
        excerpt: None,
    });
    found
}

fn failed_build(facts: &Facts<'_>, build: &BuildObserved) -> Finding {
    let step = build.report.failed_step();
    let what = match step {
        _ if build.timed_out => {
            format!(
                "The builds of the project were not done after {} seconds and were stopped.",
                facts.lab.limits.build_seconds
            )
        }
        Some(step) => format!("A build of the project failed at `{}`.", step.text),
        None => "The project could not be built.".to_owned(),
    };
    let hint = super::build::advice(&build.report.text_of_failure());
    let mut found =
        finding("compose_up_failed", what, &hint, "Without its image, a service can't be started.");
    let log = build.report.failure_log(LOG_LINES);
    found.log = (!log.is_empty()).then_some(log);
    found.place = place_of_step(facts, build);
    found
}

/// The instruction that failed, in whichever Dockerfile of the workspace it stands alone.
fn place_of_step(facts: &Facts<'_>, build: &BuildObserved) -> Option<Place> {
    let step = if build.timed_out { build.report.running_step() } else { build.report.failed_step() }?;
    let words: Vec<&str> = step.text.split_whitespace().collect();
    let mut places = facts.subject.files.iter().flat_map(|(path, bytes)| {
        let is_dockerfile = path.rsplit('/').next().is_some_and(|name| name.contains("Dockerfile"));
        let file = is_dockerfile.then(|| crate::dockerfile::Dockerfile::parse(bytes));
        let mut found = Vec::new();
        for instruction in file.iter().flat_map(|file| &file.instructions) {
            let said: Vec<&str> = std::iter::once(instruction.keyword.as_str())
                .chain(instruction.text.split_whitespace())
                .collect();
            if said == words {
                let span = instruction.span;
                found.push(Place {
                    file: path.clone(),
                    line: Some(span.first),
                    end_line: (span.last > span.first).then_some(span.last),
                    excerpt: file.as_ref().map(|file| file.excerpt(span)),
                });
            }
        }
        found
    });
    places.next().filter(|_| places.next().is_none())
}
