//! What is doubtful about an attempt's files but breaks no rule of the lab.

use super::subject::Subject;
use super::{DOCKERFILE, DOCKERIGNORE};
use crate::dockerfile::Severity;

/// Notes of one kind; more of the same help nobody.
const MAX_NOTES: usize = 10;

pub(super) fn notes(subject: &Subject<'_>) -> Vec<String> {
    let mut notes = of_dockerfile(subject);
    notes.extend(of_dockerignore(subject));
    notes
}

fn of_dockerfile(subject: &Subject<'_>) -> Vec<String> {
    let Some(graph) = &subject.graph else { return Vec::new() };
    let diagnostics = graph.file.diagnostics.iter().chain(&graph.diagnostics);
    diagnostics
        .filter(|diagnostic| diagnostic.severity == Severity::Warning)
        .take(MAX_NOTES)
        .map(|d| match &d.suggestion {
            Some(suggestion) => format!("Dockerfile line {}: {} Better: {suggestion}.", d.line, d.message),
            None => format!("Dockerfile line {}: {}", d.line, d.message),
        })
        .collect()
}

fn of_dockerignore(subject: &Subject<'_>) -> Vec<String> {
    let ignore = subject.context.ignore();
    let faults = ignore.faults().iter().take(MAX_NOTES);
    let mut notes: Vec<String> =
        faults.map(|fault| format!("{DOCKERIGNORE} line {}: {}", fault.line, fault.message)).collect();
    // Docker reads the Dockerfile whatever is left out, which surprises both ways.
    if let Some(rule) = subject.context.left_out_by(DOCKERFILE) {
        notes.push(format!(
            "{DOCKERIGNORE} line {}: {} leaves the Dockerfile out. The build reads it all the same; only COPY can't take it.",
            rule.line, rule.text
        ));
    }
    notes
}
