//! From files and observations to a verdict.

use std::collections::BTreeMap;

use super::check::Check;
use super::checks::Answer;
use super::facts::Facts;
use super::fault::platform_fault;
use super::notes::notes;
use super::observation::{Observation, Observed};
use super::plan::{Action, Plan};
use super::subject::Subject;
use crate::lab::{Lab, LabFiles};
use crate::verdict::{CheckResult, CheckStatus, Finding, Verdict, VerdictStatus};

/// The code of a verdict about a session that was gone; judging again would not bring it back.
pub const SESSION_GONE: &str = "session_gone";

/// Lines of output that go with a finding.
const MAX_LOG_LINES: usize = 40;

/// Findings of one check; more of the same help nobody.
const MAX_FINDINGS: usize = 20;

/// Characters of such a line.
const MAX_LOG_CHARS: usize = 500;

/// What the files alone say: the findings of all checks that need no engine. Takes well under a millisecond.
pub fn static_findings(lab: &Lab, files: &LabFiles) -> Vec<Finding> {
    let dockerfile = Subject::dockerfile(files);
    let subject = Subject::new(files, dockerfile.as_ref());
    let nothing_done = Plan { steps: Vec::new(), limits: lab.limits };
    judge(Facts { lab, subject: &subject, plan: &nothing_done, observations: &BTreeMap::new(), current: "" })
        .0
}

/// What is doubtful about the files but breaks no rule of a lab, in sentences.
pub fn static_notes(files: &LabFiles) -> Vec<String> {
    let dockerfile = Subject::dockerfile(files);
    notes(&Subject::new(files, dockerfile.as_ref()))
}

/// The verdict about these files, once the plan's steps are done.
///
/// A fault of the platform, a planned step without an observation, or a package host out of reach make it
/// inconclusive: such an attempt is judged again, and never counts against the learner.
pub fn evaluate(lab: &Lab, files: &LabFiles, plan: &Plan, observations: &[Observation]) -> Verdict {
    if observations.iter().any(|seen| seen.observed == Observed::SessionGone) {
        return Verdict::inconclusive(
            SESSION_GONE,
            "This lab is judged by what stands in your session's own engine, and the session was gone before the judge could look.",
            "Start the lab again, do what its text asks for, and submit while the session runs. This one does not count.",
        );
    }
    if let Some(fault) = fault(lab, plan, observations) {
        return Verdict::inconclusive(
            "runner_unavailable",
            &format!("The judge could not do its work: {fault}."),
            "This is not your doing and does not count. Submit again in a moment.",
        );
    }
    let dockerfile = Subject::dockerfile(files);
    let subject = Subject::new(files, dockerfile.as_ref());
    let by_step = observations.iter().map(|observation| (&observation.step, observation)).collect();
    let (mut failures, checks) =
        judge(Facts { lab, subject: &subject, plan, observations: &by_step, current: "" });
    // Every check must have been met: one that was skipped has not been.
    let passed = checks.iter().all(|check| check.status == CheckStatus::Passed);
    // A check that could not be looked at although nothing else failed still owes the learner a reason.
    if !passed && failures.is_empty() {
        let skipped =
            lab.checks.iter().zip(&checks).find(|(_, result)| result.status == CheckStatus::Skipped);
        failures.extend(skipped.map(|(check, _)| {
            let code = check.codes().first().copied().unwrap_or("not_judged").to_owned();
            let message = format!("There was nothing to look at for: {}.", check.title);
            dressed(Finding::new(code, message), check)
        }));
    }
    Verdict {
        passed,
        status: if passed { VerdictStatus::Passed } else { VerdictStatus::Failed },
        failures,
        checks,
        metrics: metrics(plan, observations),
        notes: notes(&subject),
    }
}

fn fault(lab: &Lab, plan: &Plan, observations: &[Observation]) -> Option<String> {
    for step in &plan.steps {
        let Some(seen) = observations.iter().find(|o| o.step == step.id) else {
            return Some(format!("the step {} has no result", step.id));
        };
        match &seen.observed {
            Observed::Fault { message } => return Some(message.clone()),
            Observed::Build(build) if build.exit_code != Some(0) && !build.timed_out => {
                if let Some(fault) = platform_fault(lab, &build.report) {
                    return Some(fault);
                }
            }
            _ => {}
        }
    }
    None
}

fn judge(facts: Facts<'_>) -> (Vec<Finding>, Vec<CheckResult>) {
    let mut failures = Vec::new();
    let mut results = Vec::new();
    for check in &facts.lab.checks {
        let answer = check.kind.rule().judge(&Facts { current: &check.id, ..facts });
        let status = match &answer {
            Answer::Met => CheckStatus::Passed,
            Answer::Unmet(_) => CheckStatus::Failed,
            Answer::Skipped => CheckStatus::Skipped,
        };
        if let Answer::Unmet(findings) = answer {
            failures.extend(findings.into_iter().take(MAX_FINDINGS).map(|finding| dressed(finding, check)));
        }
        results.push(CheckResult { check: check.id.clone(), title: check.title.clone(), status });
    }
    (failures, results)
}

/// Adds what the lab says about this check in its own words.
fn dressed(finding: Finding, check: &Check) -> Finding {
    Finding {
        hint: check.hint.clone().unwrap_or(finding.hint),
        why: check.why.clone().or(finding.why),
        check: Some(check.id.clone()),
        read_more: check.read_more.clone(),
        log: finding.log.map(|log| tail(&log)),
        ..finding
    }
}

/// The last lines of an output: enough to explain a failure, short enough to read.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let kept = &lines[lines.len().saturating_sub(MAX_LOG_LINES)..];
    kept.iter()
        .map(|line| line.chars().take(MAX_LOG_CHARS).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n")
}

fn metrics(plan: &Plan, observations: &[Observation]) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: f64| {
        metrics.insert(name.to_owned(), value);
    };
    for step in &plan.steps {
        let Some(seen) = observations.iter().find(|o| o.step == step.id) else { continue };
        match (&step.action, &seen.observed) {
            (Action::Build { .. }, Observed::Build(build)) => {
                put("build_seconds", seen.seconds);
                put("build_steps", build.report.steps.iter().filter(|s| s.number.is_some()).count() as f64);
                put("build_cached_steps", build.report.cached_steps() as f64);
                if let Some(bytes) = build.report.context_bytes {
                    put("context_bytes", bytes as f64);
                }
            }
            (Action::Rebuild { .. }, Observed::Build(build)) => {
                put("rebuild_seconds", seen.seconds);
                put("rebuild_cached_steps", build.report.cached_steps() as f64);
            }
            (_, Observed::Image(image)) => {
                put("image_bytes", image.size_bytes as f64);
                put("image_layers", f64::from(image.layers));
            }
            (_, Observed::Http(http)) if http.response.is_some() => put("start_seconds", http.after_seconds),
            (_, Observed::Health(health)) if health.status == "healthy" => {
                put("healthy_seconds", health.after_seconds)
            }
            _ => {}
        }
    }
    metrics
}
