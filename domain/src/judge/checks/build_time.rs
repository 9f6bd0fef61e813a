//! How long the build takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::build_cache::rebuild_step;
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, build_step};

/// The build takes no longer than this, without any cache, or a second time with it.
///
/// How fast a machine builds varies: leave room, and prefer `again`, where a right solution takes a second or two.
///
/// ```toml
/// [[checks]]
/// type = "build_time"
/// max_seconds = 30
/// again = true      # optional: a second build of the same files
/// ```
///
/// Codes: `build_too_slow`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildTime {
    /// The longest time that passes.
    pub max_seconds: u32,
    /// The second build, with the first one's cache.
    #[serde(default)]
    pub again: bool,
}

impl Rule for BuildTime {
    fn codes(&self) -> Vec<&str> {
        vec!["build_too_slow"]
    }

    fn title(&self) -> String {
        let which = if self.again { "A second build" } else { "The build" };
        format!("{which} takes at most {} seconds", self.max_seconds)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        if self.again {
            let timeout_seconds = planner.limits.build_seconds;
            planner.step(self.step(), &[build], Action::Rebuild { touch: Vec::new(), timeout_seconds });
        }
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let step = self.step();
        let (Some(Observed::Build(build)), Some(seconds)) = (facts.observed(&step), facts.seconds(&step))
        else {
            return Answer::Skipped;
        };
        if build.exit_code != Some(0) && !self.again {
            return Answer::Skipped;
        }
        if build.exit_code == Some(0) && seconds <= f64::from(self.max_seconds) {
            return Answer::Met;
        }
        let which = if self.again { "A second build of the same files" } else { "The build" };
        let mut found = finding(
            "build_too_slow",
            format!("{which} took {seconds:.1} seconds; at most {} pass.", self.max_seconds),
            "Which step takes the longest, and must it run each time, or at all?",
            "A build that takes long is one that people avoid, and a mistake in it costs that time again.",
        );
        let mut slow: Vec<_> =
            build.report.steps.iter().filter_map(|step| Some((step.seconds?, step))).collect();
        slow.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        if let (Some((_, slowest)), Some(graph)) = (slow.first(), facts.graph()) {
            found.place = slowest.locate(graph).map(|span| facts.subject.place(span));
        }
        let lines: Vec<String> =
            slow.iter().take(6).map(|(seconds, step)| format!("{seconds:>6.1} s  {}", step.text)).collect();
        found.log = (!lines.is_empty()).then(|| lines.join("\n"));
        found.into()
    }
}

impl BuildTime {
    fn step(&self) -> StepId {
        if self.again { rebuild_step(&[]) } else { build_step() }
    }
}
