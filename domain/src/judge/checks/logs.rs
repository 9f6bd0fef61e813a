//! What the container prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::fifteen;
use super::running::{gone, run_failure};
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, run_step};
use crate::judge::text_pattern::Pattern;

/// The container's output holds a line, or does not hold one.
///
/// The output is read after the requests of the checks that stand before this one.
///
/// ```toml
/// [[checks]]
/// type = "logs"
/// contains = "GET /health"     # optional
/// matches = "listening on .*"  # optional, a regular expression
/// absent = "Traceback"         # optional, a regular expression that no line may fit
/// within_seconds = 15          # optional, from the container's start
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up), `log_line_missing`, `log_line_forbidden`. Skipped when
/// the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logs {
    /// Text that it holds.
    pub contains: Option<String>,
    /// Regular expression that a line of it fits.
    pub matches: Option<Pattern>,
    /// Regular expression that no line of it fits.
    pub absent: Option<Pattern>,
    /// Seconds from the container's start.
    #[serde(default = "fifteen")]
    pub within_seconds: u32,
}

/// What a container's output must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExpectation {
    /// This text.
    pub contains: Option<String>,
    /// A line that this fits.
    pub matches: Option<Pattern>,
}

impl LogExpectation {
    /// Whether it does.
    ///
    /// # Errors
    /// What is missing, in a few words.
    pub fn is_met(&self, log: &str) -> Result<(), String> {
        if let Some(text) = &self.contains
            && !log.contains(text.as_str())
        {
            return Err(format!("{text:?}"));
        }
        match &self.matches {
            Some(pattern) if !pattern.is_in(log) => Err(format!("a line that fits {pattern}")),
            _ => Ok(()),
        }
    }
}

impl Rule for Logs {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", "log_line_missing", "log_line_forbidden"]
    }

    fn title(&self) -> String {
        match self.expectation().is_met("") {
            Err(wanted) => format!("The container's output holds {wanted}"),
            Ok(()) => "The container's output holds no error".to_owned(),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(run) = planner.run(&[]) else { return };
        let action = Action::Logs {
            run: run.clone(),
            expect: self.expectation(),
            within_seconds: self.within_seconds,
        };
        let step = planner.step(self.step(), std::slice::from_ref(&run), action);
        planner.after_all_on(&run, &step);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        if let Some(answer) = run_failure(facts, &run_step()) {
            return answer;
        }
        let Some(Observed::Logs(seen)) = facts.observed(&self.step()) else { return Answer::Skipped };
        let missing = self.expectation().is_met(&seen.log).err();
        if seen.container != ContainerState::Running && missing.is_some() {
            let is_mine = facts.is_first_to_see_end(&run_step());
            return if is_mine { gone(&seen.container, &seen.log).into() } else { Answer::Skipped };
        }
        let mut findings = Vec::new();
        if let Some(wanted) = missing {
            findings.push(finding(
                "log_line_missing",
                format!("After {} seconds the container has not printed {wanted}.", self.within_seconds),
                "docker logs shows what it prints. Does the app write to its standard output, and at once?",
                "What a container prints is all that those who run it see of it. A log file inside dies with it.",
            ));
        }
        if let Some(pattern) = &self.absent
            && let Some(line) = pattern.line_in(&seen.log)
        {
            let line: String = line.chars().take(200).collect();
            findings.push(finding(
                "log_line_forbidden",
                format!("The container has printed what it should not: {line}"),
                "What happens just before this line, and why?",
                "An error in the output is the first sign that something is wrong, also while the service still answers.",
            ));
        }
        for found in &mut findings {
            found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
        }
        findings.into()
    }
}

impl Logs {
    fn expectation(&self) -> LogExpectation {
        LogExpectation { contains: self.contains.clone(), matches: self.matches.clone() }
    }

    fn step(&self) -> StepId {
        StepId(format!("logs {}", serde_json::to_string(self).unwrap_or_default()))
    }
}
