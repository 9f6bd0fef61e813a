//! Two verdicts on one attempt, held against each other.

use serde::{Deserialize, Serialize};

use super::{Basis, Difference};
use crate::verdict::{Finding, Verdict, VerdictStatus};

/// What changed from an older verdict to a newer one, and why it may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How the older one came out.
    pub from: VerdictStatus,
    /// How the newer one came out.
    pub to: VerdictStatus,
    /// Findings of the newer one that the older one had not.
    pub came: Vec<FindingName>,
    /// Findings of the older one that are gone.
    pub went: Vec<FindingName>,
    /// What the newer one rests on that the older one did not.
    pub because: Vec<Difference>,
}

/// A finding, as far as it has to be told from others: its sentence may change with every judgement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingName {
    /// Stable code of the failure.
    pub code: String,
    /// Id of the check within the lab, if a check speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

impl From<&Finding> for FindingName {
    fn from(finding: &Finding) -> Self {
        Self { code: finding.code.clone(), check: finding.check.clone() }
    }
}

impl Comparison {
    /// Holds a newer verdict against an older one, each with what it rests on, if it says so.
    pub fn between(older: (&Verdict, Option<&Basis>), newer: (&Verdict, Option<&Basis>)) -> Self {
        let names = |verdict: &Verdict| -> Vec<FindingName> {
            verdict.failures.iter().map(FindingName::from).collect()
        };
        let (before, after) = (names(older.0), names(newer.0));
        Self {
            from: older.0.status,
            to: newer.0.status,
            came: without(&after, &before),
            went: without(&before, &after),
            because: newer.1.map(|basis| basis.differences(older.1)).unwrap_or_default(),
        }
    }

    /// Whether the two say the same: the outcome and each finding.
    pub fn is_same(&self) -> bool {
        self.from == self.to && self.came.is_empty() && self.went.is_empty()
    }
}

/// What is in one list and not in the other, each as often as it is there more often.
fn without(all: &[FindingName], others: &[FindingName]) -> Vec<FindingName> {
    let mut others = others.to_vec();
    let is_new = |name: &&FindingName| match others.iter().position(|other| other == *name) {
        Some(index) => {
            others.swap_remove(index);
            false
        }
        None => true,
    };
    all.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: VerdictStatus, codes: &[&str]) -> Verdict {
        let failures = codes.iter().map(|code| Finding::new(*code, "A sentence.")).collect();
        Verdict { status, failures, ..Verdict::inconclusive("", "", "") }
    }

    #[test]
    fn findings_come_and_go() {
        let older = verdict(VerdictStatus::Failed, &["a", "b", "b"]);
        let newer = verdict(VerdictStatus::Failed, &["b", "c"]);
        let comparison = Comparison::between((&older, None), (&newer, None));
        let codes = |names: &[FindingName]| names.iter().map(|name| name.code.clone()).collect::<Vec<_>>();
        assert_eq!(
            (codes(&comparison.came), codes(&comparison.went)),
            (vec!["c".to_owned()], vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(!comparison.is_same());
        assert!(Comparison::between((&newer, None), (&newer, None)).is_same());
    }
}
