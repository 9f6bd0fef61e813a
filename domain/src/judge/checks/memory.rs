//! How much memory the container needs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::fifteen;
use super::running::{gone, run_failure};
use super::{Answer, CheckKind, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::http_expectation::{Expected, HttpExpectation};
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, run_step};

/// The container's processes hold no more memory than this.
///
/// Resident memory is added up, after the requests of the checks that stand before this one; what processes share counts
/// for each of them.
///
/// ```toml
/// [[checks]]
/// type = "memory"
/// max_mb = 100            # of 1,000,000 bytes
/// after_path = "/report"  # optional: asked before, at the port of the lab's first http check
/// ```
///
/// Codes: `docker_run_failed` (the container does not stay up), `memory_too_high`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// The most that passes, in millions of bytes.
    pub max_mb: u32,
    /// Path that is asked before.
    pub after_path: Option<String>,
}

impl Rule for Memory {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_run_failed", "memory_too_high"]
    }

    fn title(&self) -> String {
        format!("The container needs at most {} MB of memory", self.max_mb)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let port = planner.lab.checks.iter().find_map(|check| match &check.kind {
            CheckKind::Http(http) if http.service.is_none() => Some(http.port),
            _ => None,
        });
        let ports: Vec<u16> = port.into_iter().collect();
        let Some(run) = planner.run(&ports) else { return };
        if let (Some(path), Some(port)) = (&self.after_path, port) {
            planner.ask(&run, &HttpExpectation::get(port, path, Expected::default()), fifteen());
        }
        let step =
            planner.step(memory_step(), std::slice::from_ref(&run), Action::Memory { run: run.clone() });
        planner.after_all_on(&run, &step);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let run = run_step();
        if let Some(answer) = run_failure(facts, &run) {
            return answer;
        }
        let Some(Observed::Memory(seen)) = facts.observed(&memory_step()) else { return Answer::Skipped };
        if seen.container != ContainerState::Running {
            let is_mine = facts.is_first_to_see_end(&run);
            return if is_mine { gone(&seen.container, "").into() } else { Answer::Skipped };
        }
        if seen.resident_bytes <= u64::from(self.max_mb) * 1_000_000 {
            return Answer::Met;
        }
        finding(
            "memory_too_high",
            format!(
                "The container's {} processes hold {:.0} MB of memory; at most {} MB pass.",
                seen.processes,
                seen.resident_bytes as f64 / 1e6,
                self.max_mb
            ),
            "How many processes does it start, and what does each of them load?",
            "Memory is what decides how many containers a machine can hold; one that takes too much is the first to be killed.",
        )
        .into()
    }
}

fn memory_step() -> StepId {
    StepId("memory".to_owned())
}
