//! A health command in the image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::dockerfile::Effects;
use crate::judge::facts::Facts;

/// The image has a `HEALTHCHECK`: the one that counts in the end, in the last stage or in those that it starts from, is
/// a command. `HEALTHCHECK NONE` counts as missing.
///
/// Whether the command is any good, the check `health` finds out.
///
/// ```toml
/// [[checks]]
/// type = "healthcheck_declared"
/// ```
///
/// Codes: `healthcheck_missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthcheckDeclared {}

impl Rule for HealthcheckDeclared {
    fn codes(&self) -> Vec<&str> {
        vec!["healthcheck_missing"]
    }

    fn title(&self) -> String {
        "The image says how to tell whether it is healthy".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let Some(last) = graph.last() else { return Answer::Skipped };
        let (message, span) = match Effects::of(graph, last.index).healthcheck {
            Some(check) if check.value.is_some() => return Answer::Met,
            Some(check) => ("HEALTHCHECK NONE switches off whatever health command there was.", check.span),
            None => ("The image has no HEALTHCHECK.", last.span),
        };
        let mut found = finding(
            "healthcheck_missing",
            message,
            "What would you ask the running app to see whether it works? The image can hold that question.",
            "Docker only sees that a process runs; whether the service works, a health command has to tell it.",
        );
        found.place = Some(facts.subject.place(span));
        found.into()
    }
}
