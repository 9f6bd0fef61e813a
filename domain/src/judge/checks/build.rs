//! The build itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, CheckKind, Rule, finding};
use crate::dockerfile::LineSpan;
use crate::judge::facts::Facts;
use crate::judge::observation::{BuildObserved, Observed};
use crate::judge::planner::{Planner, build_step};
use crate::lab::Lab;
use crate::verdict::Finding;

/// The image builds.
///
/// ```toml
/// [[checks]]
/// type = "build"
/// ```
///
/// Codes: `docker_build_failed`. Skipped when there is no Dockerfile that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Build {}

/// Lines of a failed step's output that go with the finding.
const LOG_LINES: usize = 40;

impl Rule for Build {
    fn codes(&self) -> Vec<&str> {
        vec!["docker_build_failed"]
    }

    fn title(&self) -> String {
        "The image builds".to_owned()
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.build();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        match facts.observed(&build_step()) {
            Some(Observed::Build(build)) if build.exit_code == Some(0) => Answer::Met,
            Some(Observed::Build(build)) => failed_build(facts, build).into(),
            // A lab that does not ask for a Dockerfile by a check of its own still has to say when there is none.
            _ if asks_for_dockerfile(facts.lab) => Answer::Skipped,
            _ => facts.subject.dockerfile_fault().map_or(Answer::Skipped, Answer::from),
        }
    }
}

fn asks_for_dockerfile(lab: &Lab) -> bool {
    lab.checks.iter().any(|check| matches!(check.kind, CheckKind::DockerfileExists(_)))
}

/// Says which step failed, on which line, with what output.
pub(in crate::judge) fn failed_build(facts: &Facts<'_>, build: &BuildObserved) -> Finding {
    let why = "Without an image there is nothing to run; all checks that need one were left out.";
    let failed = build.report.failed_step();
    let mut found = if build.timed_out {
        let limit = facts.lab.limits.build_seconds;
        let step =
            build.report.running_step().map(|step| format!(" It was at: {}.", step.text)).unwrap_or_default();
        finding(
            "docker_build_failed",
            format!("The build was not done after {limit} seconds and was stopped.{step}"),
            "Does a step wait for something that never comes, such as a question or a server that it starts itself?",
            why,
        )
    } else {
        let what = match failed {
            Some(step) => match missing_image(&step.text) {
                Some(image) => format!("Docker found no image {image}."),
                None => format!("The build failed at `{}`.", step.text),
            },
            None => "The build failed before its first step.".to_owned(),
        };
        finding("docker_build_failed", what, &advice(&build.report.text_of_failure()), why)
    };
    let line = build.report.error_line.or_else(|| {
        let step = if build.timed_out { build.report.running_step() } else { failed }?;
        let graph = facts.subject.graph.as_ref()?;
        let named = || {
            let name = missing_image(&step.text)?.trim_end_matches(":latest");
            graph.file.instructions.iter().find(|i| i.text.contains(name) || i.flag("from") == Some(name))
        };
        step.locate(graph).or_else(|| named().map(|instruction| instruction.span)).map(|span| span.first)
    });
    found.place = line.map(|line| {
        let span = facts
            .subject
            .graph
            .as_ref()
            .and_then(|graph| {
                graph.file.instructions.iter().map(|i| i.span).find(|s| s.first <= line && line <= s.last)
            })
            .unwrap_or(LineSpan { first: line, last: line });
        facts.subject.place(span)
    });
    let log = build.report.failure_log(LOG_LINES);
    found.log = (!log.is_empty()).then_some(log);
    found
}

/// The image that a failed step was looking for.
fn missing_image(step: &str) -> Option<&str> {
    let name = step.strip_prefix("[internal] load metadata for ").or_else(|| step.strip_prefix("FROM "))?;
    Some(name.strip_prefix("docker.io/library/").unwrap_or(name))
}

/// What the output of a failed step most likely means.
pub(super) fn advice(output: &str) -> String {
    let known: [(&[&str], &str); 9] = [
        (
            &["no space left on device", "disk quota exceeded"],
            "The build filled its disk. What does this step write so much of?",
        ),
        (
            &[
                "failed to resolve source metadata",
                "failed to do request",
                "pull access denied",
                "manifest unknown",
            ],
            "Is the image's name spelled as in the lab's text, the tag behind the colon too? After COPY --from, is it \
             the name of a stage?",
        ),
        (
            &["could not find a version that satisfies", "no matching distribution"],
            "pip knows no such package in that version. Look at the name and version in the list.",
        ),
        (
            &["could not open requirements file"],
            "The list is not in the image yet when pip looks for it, or lies in another folder than the one pip runs in.",
        ),
        (
            &[
                "failed to compute cache key",
                "not found in build context",
                "no such file or directory",
                "\": not found",
            ],
            "A path is not there. COPY looks in the build context (mind .dockerignore), RUN looks in the image as the \
             steps before left it.",
        ),
        (
            &["command not found", ": not found", "executable file not found"],
            "A program is not there. Is its name right, and does this base image bring it?",
        ),
        (&["unable to locate package"], "apt knows no such package. Did apt-get update run in the same RUN?"),
        (&["permission denied"], "The step lacks a right. Which user is it running as?"),
        (
            &["do you want to continue", "abort."],
            "A command asked a question, and nobody answers in a build: many have a -y option.",
        ),
    ];
    let output = output.to_ascii_lowercase();
    known
        .iter()
        .find(|(marks, _)| marks.iter().any(|mark| output.contains(mark)))
        .map_or("Read the last lines of the output: they name what went wrong.", |(_, advice)| advice)
        .to_owned()
}
