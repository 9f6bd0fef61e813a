//! `containrlab lab verify`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use futures::StreamExt;

use super::bench::{Bench, processors};
use super::load;
use crate::failure::Failure;
use crate::settings::Environment;

/// Cases for each processor that are judged side by side: most of a judgement waits for something to come up, to answer or to
/// end. What keeps a processor busy takes turns.
const AT_ONCE: usize = 2;

/// How often a case is judged until the platform can tell.
const TRIES: usize = 3;

/// One answer and what the judge has to say of it.
struct Case {
    lab: Arc<Lab>,
    name: String,
    files: LabFiles,
    expected: Expected,
}

enum Expected {
    Passed,
    Failed,
    Codes(BTreeSet<String>),
}

/// How a case came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    AsExpected,
    Otherwise,
    Unknown,
}

/// Judges the answers of these labs and prints a table.
pub(super) async fn run(environment: &Environment, folders: &[PathBuf], quick: bool) -> Result<u8, Failure> {
    let mut cases = Vec::new();
    for folder in folders {
        cases.extend(cases_of(Arc::new(load(folder)?.lab), quick));
    }
    let bench = Bench::open(environment).await?;
    let started = Instant::now();
    println!("{:<14} {:<32} {:>7}  came out", "lab", "answer", "seconds");
    let at_once = AT_ONCE * processors();
    let mut judged = futures::stream::iter(cases).map(|case| judge(&bench, case)).buffer_unordered(at_once);
    let mut outcomes = Vec::new();
    while let Some((case, outcome, said, took)) = judged.next().await {
        let word = match outcome {
            Outcome::AsExpected => "as it should",
            Outcome::Otherwise => "WRONG",
            Outcome::Unknown => "inconclusive",
        };
        let lab = case.lab.slug.to_string();
        println!("{lab:<14} {:<32} {:>7.1}  {word}: {said}", case.name, took.as_secs_f64());
        outcomes.push(outcome);
    }
    let fine = outcomes.iter().filter(|outcome| **outcome == Outcome::AsExpected).count();
    let seconds = started.elapsed().as_secs_f64();
    println!("{fine} of {} answers came out as they should, in {seconds:.1} s", outcomes.len());
    Ok(if outcomes.contains(&Outcome::Otherwise) { 1 } else { 2 * u8::from(fine < outcomes.len()) })
}

fn cases_of(lab: Arc<Lab>, quick: bool) -> Vec<Case> {
    let case = |name: &str, files: &LabFiles, expected| Case {
        lab: Arc::clone(&lab),
        name: name.to_owned(),
        files: files.clone(),
        expected,
    };
    let mut cases = vec![
        case("starter", &lab.starter, Expected::Failed),
        case("solution", &lab.solution, Expected::Passed),
    ];
    let wrong = lab.wrong.iter().filter(|_| !quick);
    cases.extend(wrong.map(|wrong| {
        let codes = wrong.codes.iter().cloned().collect();
        case(&format!("wrong/{}", wrong.name), &wrong.files, Expected::Codes(codes))
    }));
    cases
}

async fn judge(bench: &Bench, case: Case) -> (Case, Outcome, String, Duration) {
    let started = Instant::now();
    let mut said = String::new();
    for _ in 0..TRIES {
        match bench.judge(Arc::clone(&case.lab), case.files.clone(), Box::new(|_| {})).await {
            Ok(verdict) if verdict.status == VerdictStatus::Inconclusive => {
                said = verdict.failures.first().map_or_else(String::new, |finding| finding.message.clone());
            }
            Ok(verdict) => {
                let (outcome, said) = compare(&case.expected, &verdict);
                return (case, outcome, said, started.elapsed());
            }
            Err(failure) => said = failure.to_string(),
        }
        if bench.is_stopped() {
            break;
        }
    }
    (case, Outcome::Unknown, said, started.elapsed())
}

fn compare(expected: &Expected, verdict: &Verdict) -> (Outcome, String) {
    let codes: BTreeSet<String> = verdict.failures.iter().map(|finding| finding.code.clone()).collect();
    let is_right = match expected {
        Expected::Passed => verdict.passed,
        Expected::Failed => verdict.status == VerdictStatus::Failed,
        Expected::Codes(expected) => verdict.status == VerdictStatus::Failed && codes == *expected,
    };
    let listed = |codes: &BTreeSet<String>| codes.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut said = if verdict.passed { "passed".to_owned() } else { listed(&codes) };
    if let Expected::Codes(expected) = expected
        && !is_right
    {
        said.push_str(&format!(" (expected {})", listed(expected)));
    }
    (if is_right { Outcome::AsExpected } else { Outcome::Otherwise }, said)
}
