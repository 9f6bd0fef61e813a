//! Two builds, one image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::{Planner, build_step};
use crate::verdict::Finding;

/// A second build without any cache makes the same files, with the same modes and owners. Times are left out, and so are
/// compiled Python files and logs, which hold times.
///
/// ```toml
/// [[checks]]
/// type = "reproducible"
/// ignore = ["var/cache/**"]   # optional: patterns as in .dockerignore, from the root of the image
/// ```
///
/// Codes: `not_reproducible`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reproducible {
    /// Patterns of paths that may differ.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// What holds times in every image.
const ALWAYS: [&str; 5] =
    ["**/*.pyc", "var/log/**", "var/cache/ldconfig/**", "var/lib/apt/lists/**", "root/.cache/**"];

impl Rule for Reproducible {
    fn codes(&self) -> Vec<&str> {
        vec!["not_reproducible"]
    }

    fn title(&self) -> String {
        "Two builds of the same files make the same image".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        let timeout_seconds = planner.limits.build_seconds;
        let anew =
            planner.step(anew_step(), std::slice::from_ref(&build), Action::BuildAnew { timeout_seconds });
        let ignore = ALWAYS.iter().map(|pattern| (*pattern).to_owned()).chain(self.ignore.clone()).collect();
        planner.step(self.step(), &[build, anew], Action::CompareImages { ignore });
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        match facts.observed(&anew_step()) {
            Some(Observed::Build(build)) if build.exit_code != Some(0) && is_built(facts) => {
                let failed = super::build::failed_build(facts, build);
                return Finding {
                    code: "not_reproducible".to_owned(),
                    message: format!("A second build without cache failed. {}", failed.message),
                    ..failed
                }
                .into();
            }
            _ => {}
        }
        let Some(Observed::Difference(seen)) = facts.observed(&self.step()) else { return Answer::Skipped };
        if seen.count == 0 {
            return Answer::Met;
        }
        let paths: Vec<String> = seen.paths.iter().map(|hit| format!("/{}", hit.path)).collect();
        let mut found = finding(
            "not_reproducible",
            format!("A second build without cache made other files: {} differ.", seen.count),
            "What in this step is another each time: a date, a random number, \"the newest\" of something?",
            "Who can't build the same image twice can't tell whether an image was made of the source that it claims.",
        );
        found.place = seen.paths.first().and_then(|hit| facts.place_of_layer(&hit.created_by));
        found.log = Some(paths.join("\n"));
        found.into()
    }
}

impl Reproducible {
    fn step(&self) -> StepId {
        StepId(format!("compare images {}", self.ignore.join(" ")))
    }
}

fn anew_step() -> StepId {
    StepId("build without cache".to_owned())
}

fn is_built(facts: &Facts<'_>) -> bool {
    matches!(facts.observed(&build_step()), Some(Observed::Build(build)) if build.exit_code == Some(0))
}
