//! What judging again led to, for people and for programs.

use std::collections::BTreeMap;

use containrlab_domain::attempt::{Comparison, Difference, FindingName};
use containrlab_domain::ids::{AttemptId, LabRef, LearnerId};
use containrlab_domain::verdict::VerdictStatus;
use serde::Serialize;

use super::target::short;

/// What became of a lab's attempts.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The lab, in the version that they were judged by.
    pub(super) lab: LabRef,
    /// Whether nothing was asked for.
    pub(super) dry_run: bool,
    /// Attempts whose newest verdict was the right one already.
    pub(super) up_to_date: usize,
    /// Attempts that wait for their first verdict.
    pub(super) unjudged: usize,
    /// The others, oldest first.
    pub(super) attempts: Vec<Line>,
    /// The titles of the lab's checks by their ids.
    #[serde(skip)]
    pub(super) checks: BTreeMap<String, String>,
}

/// One attempt.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) attempt: AttemptId,
    pub(super) learner: LearnerId,
    /// Counted per learner and lab.
    pub(super) number: u32,
    /// What its verdict did not rest on before.
    pub(super) because: Vec<Difference>,
    /// The new verdict against the one before; none when nothing was asked for.
    pub(super) comparison: Option<Comparison>,
}

impl Line {
    fn is_inconclusive(&self) -> bool {
        self.comparison.as_ref().is_some_and(|comparison| comparison.to == VerdictStatus::Inconclusive)
    }

    fn is_same(&self) -> bool {
        self.comparison.as_ref().is_some_and(Comparison::is_same)
    }
}

impl Report {
    /// See [`super::AttemptsCommand::Rejudge`].
    pub(super) fn exit_code(&self) -> u8 {
        if self.attempts.iter().any(Line::is_inconclusive) { 2 } else { 0 }
    }

    /// A finding by its code and by what the check is called that speaks; one that the lab has no longer, by its id.
    fn words(&self, finding: &FindingName) -> String {
        match &finding.check {
            Some(check) => format!("{} ({})", finding.code, self.checks.get(check).unwrap_or(check)),
            None => finding.code.clone(),
        }
    }

    /// Prints it for people.
    pub(super) fn print(&self) {
        for line in &self.attempts {
            let name = format!("{}  attempt {} of learner {}", line.attempt, line.number, line.learner);
            let why = line.because.iter().map(because).collect::<Vec<_>>().join("; ");
            match &line.comparison {
                None => println!("{name}\n  to be judged again: {why}"),
                Some(_) if line.is_same() => println!("{name}\n  the same verdict; {why}"),
                Some(comparison) => {
                    let (from, to) = (comparison.from.as_str(), comparison.to.as_str());
                    println!("{name}\n  {from} -> {to}; {why}");
                    comparison.came.iter().for_each(|finding| println!("  + {}", self.words(finding)));
                    comparison.went.iter().for_each(|finding| println!("  - {}", self.words(finding)));
                }
            }
        }
        let (all, lab) = (self.attempts.len(), &self.lab);
        let by = format!("{} in version {}", lab.slug, short(&lab.version));
        let rest = format!("{} up to date, {} without a first verdict", self.up_to_date, self.unjudged);
        if self.dry_run {
            println!("{all} attempts would be judged again by {by}; {rest}");
            return;
        }
        let inconclusive = self.attempts.iter().filter(|line| line.is_inconclusive()).count();
        let same = self.attempts.iter().filter(|line| line.is_same()).count();
        let changed =
            all - self.attempts.iter().filter(|line| line.is_same() || line.is_inconclusive()).count();
        println!("{all} attempts judged again by {by}: {changed} changed, {same} the same; {rest}");
        if inconclusive > 0 {
            println!("{inconclusive} could not be judged: the platform had a fault. Run the command again.");
        }
    }
}

fn because(difference: &Difference) -> String {
    match difference {
        Difference::Lab { from, to } => format!("the lab went from version {} to {}", short(from), short(to)),
        Difference::Judge { from, to } => format!("the judge went from version {from} to {to}"),
        Difference::Image { name } => format!("the image {name} has another content"),
        Difference::Unknown => "the verdict before does not say what it rests on".to_owned(),
    }
}
