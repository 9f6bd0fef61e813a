//! Findings as a compiler prints its errors.

use std::fmt::Write;

use containrlab_domain::verdict::{CheckStatus, Verdict, VerdictStatus};

use crate::commands::excerpt::{Message, plain};

/// A verdict for people. `folder` goes before the names of files.
pub(super) fn verdict(verdict: &Verdict, folder: &str) -> String {
    let mut text = String::new();
    for finding in &verdict.failures {
        let place = finding.place.as_ref();
        let message = Message {
            kind: "error",
            code: Some(&finding.code),
            what: &finding.message,
            file: place.map(|place| format!("{folder}/{}", place.file)),
            first: place.and_then(|place| place.line),
            last: place.and_then(|place| place.end_line.or(place.line)),
            excerpt: place.and_then(|place| place.excerpt.as_deref()),
            notes: [("why", finding.why.as_deref()), ("hint", Some(finding.hint.as_str()))]
                .into_iter()
                .filter_map(|(name, note)| Some((name, note?)))
                .chain(finding.read_more.as_deref().map(|step| ("read", step)))
                .chain(finding.log.as_deref().map(|log| ("output", log)))
                .filter(|(_, note)| !note.trim().is_empty())
                .collect(),
        };
        let _ = writeln!(text, "{message}");
    }
    for check in &verdict.checks {
        let mark = match check.status {
            CheckStatus::Passed => "met    ",
            CheckStatus::Failed => "NOT MET",
            CheckStatus::Skipped => "skipped",
        };
        let _ = writeln!(text, "{mark}  {}", plain(&check.title));
    }
    for note in &verdict.notes {
        let _ = writeln!(text, "note: {}", plain(note));
    }
    let word = match verdict.status {
        VerdictStatus::Passed => "passed".to_owned(),
        VerdictStatus::Failed => format!("failed: {} findings", verdict.failures.len()),
        VerdictStatus::Inconclusive => "inconclusive: the platform could not tell".to_owned(),
    };
    text + &word
}

/// The exit code of a verdict.
pub(super) fn exit_code(status: VerdictStatus) -> u8 {
    match status {
        VerdictStatus::Passed => 0,
        VerdictStatus::Failed => 1,
        VerdictStatus::Inconclusive => 2,
    }
}
