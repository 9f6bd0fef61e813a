//! The cache, tried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dependencies::install_steps;
use super::{Answer, Ecosystem, Rule, finding};
use crate::context::DockerIgnore;
use crate::judge::Subject;
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::Planner;
use crate::judge::progress::BuildStep;

/// After a change of a source file, a second build takes the installed dependencies from the cache.
///
/// The judge builds, changes the files by a newline, builds again, and reads from BuildKit's own progress which steps
/// were cached.
///
/// ```toml
/// [[checks]]
/// type = "build_cache"
/// ecosystem = "pip"
/// touch = ["app.py"]   # files of the workspace
/// ```
///
/// Codes: `cache_not_used`. Skipped when the first build fails, or when no step installs dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildCache {
    /// Whose install steps must stay cached.
    pub ecosystem: Ecosystem,
    /// Files to change between the builds.
    pub touch: Vec<String>,
}

impl Rule for BuildCache {
    fn codes(&self) -> Vec<&str> {
        vec!["cache_not_used"]
    }

    fn title(&self) -> String {
        "A second build after an edit takes the dependencies from the cache".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        let action = Action::Rebuild {
            touch: self.touched(planner.subject),
            timeout_seconds: planner.limits.build_seconds,
        };
        planner.step(rebuild_step(&self.touch), &[build], action);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let step = rebuild_step(&self.touch);
        let Some(Observed::Build(build)) = facts.observed(&step) else { return Answer::Skipped };
        let Some(graph) = &facts.subject.graph else { return Answer::Skipped };
        if build.exit_code != Some(0) {
            let mut found = super::build::failed_build(facts, build);
            found.code = "cache_not_used".to_owned();
            found.message = format!(
                "After a change of {}, a second build failed. {}",
                self.touch.join(", "),
                found.message
            );
            return found.into();
        }
        let installs = install_steps(graph, self.ecosystem);
        if installs.is_empty() {
            return Answer::Skipped;
        }
        let mut findings = Vec::new();
        for install in installs {
            let instruction = graph.stages[install.stage].steps[install.step].instruction;
            let ran: Option<&BuildStep> = build
                .report
                .steps
                .iter()
                .find(|step| !step.cached && step.locate(graph) == Some(instruction.span));
            let Some(ran) = ran else { continue };
            let taken =
                ran.seconds.map(|seconds| format!(", and it took {seconds:.1} seconds")).unwrap_or_default();
            let mut found = finding(
                "cache_not_used",
                format!(
                    "After a change of {} the dependencies were installed again{taken}.",
                    self.touch.join(", ")
                ),
                "Which COPY before this step brings the changed file in? The first step that is not cached ends the \
                 cache for all after it.",
                "On each edit you wait for downloads that could have been skipped, and so does everybody who builds this.",
            );
            found.place = Some(facts.subject.place(instruction.span));
            found.log = Some(outline(&build.report.steps));
            findings.push(found);
        }
        findings.into()
    }
}

impl BuildCache {
    /// The files to change: those that the lab names, or, when the learner has none of these, the first source file
    /// that a build sends.
    fn touched(&self, subject: &Subject<'_>) -> Vec<String> {
        let named: Vec<String> =
            self.touch.iter().filter(|path| subject.files.contains_key(*path)).cloned().collect();
        if !named.is_empty() {
            return named;
        }
        let is_source = DockerIgnore::parse(&self.ecosystem.source().join("\n"));
        subject.copyable.iter().find(|path| is_source.excludes(path)).cloned().into_iter().collect()
    }
}

pub(super) fn rebuild_step(touch: &[String]) -> StepId {
    StepId(format!("rebuild {}", touch.join(" ")))
}

/// The second build's steps, each with whether it was cached.
fn outline(steps: &[BuildStep]) -> String {
    steps
        .iter()
        .filter(|step| step.number.is_some())
        .map(|step| format!("{} {}", if step.cached { "cached" } else { "ran   " }, step.text))
        .collect::<Vec<_>>()
        .join("\n")
}
