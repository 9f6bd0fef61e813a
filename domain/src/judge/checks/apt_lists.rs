//! apt's lists of packages: fetched where they are used, and gone afterwards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::apt::AptCall;
use super::caches::{CacheKind, Installer, leaks};
use super::{Answer, Rule, finding};
use crate::dockerfile::shell::commands_of;
use crate::dockerfile::{LineSpan, StageGraph};
use crate::judge::facts::Facts;

/// Each `RUN` that installs with apt fetches the lists of packages itself, and leaves none of them in the image.
///
/// The lists are gone when the same `RUN` removes them, when they lie in a cache mount, or when the stage is left
/// behind.
///
/// ```toml
/// [[checks]]
/// type = "apt_lists_removed"
/// ```
///
/// Codes: `apt_lists_kept`, `apt_update_alone` (a `RUN` that only fetches the lists: its layer is taken from the cache
/// when they have long become stale).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AptListsRemoved {}

impl Rule for AptListsRemoved {
    fn codes(&self) -> Vec<&str> {
        vec!["apt_lists_kept", "apt_update_alone"]
    }

    fn title(&self) -> String {
        "apt's package lists are fetched where they are used, and stay out of the image".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let alone = lonely_updates(graph);
        let mut findings = Vec::new();
        for span in &alone {
            let mut found = finding(
                "apt_update_alone",
                "This step fetches apt's lists of packages but installs nothing.",
                "Which step uses the lists? Both belong together: the cache takes a step as it is or not at all.",
                "The next builds take this step from the cache, with lists from the day of the first build; an install \
                 after it then looks for versions that are gone.",
            );
            found.place = Some(facts.subject.place(*span));
            findings.push(found);
        }
        for leak in leaks(graph, Installer::Apt) {
            let keeps = leak.caches.iter().any(|cache| cache.kind == CacheKind::AptLists);
            // A lonely update leaves its lists too, but mending the one mends the other.
            if !keeps || alone.contains(&leak.instruction.span) {
                continue;
            }
            let mut found = finding(
                "apt_lists_kept",
                "This step leaves apt's lists of packages in the image.",
                "They lie in /var/lib/apt/lists. A layer keeps what its step leaves behind; a later step can only hide it.",
                "Some twenty megabytes in every copy of the image, and of no use: before the next install they are \
                 fetched anew anyway.",
            );
            found.place = Some(facts.subject.place(leak.instruction.span));
            findings.push(found);
        }
        findings.into()
    }
}

/// The steps that fetch the lists and use them for nothing.
fn lonely_updates(graph: &StageGraph<'_>) -> Vec<LineSpan> {
    let mut found = Vec::new();
    for stage in graph.needed() {
        for step in graph.stages[stage].steps.iter().filter(|step| step.is_run()) {
            let commands = commands_of(graph, stage, step.index);
            let calls: Vec<AptCall<'_>> = commands.iter().filter_map(AptCall::read).collect();
            if calls.iter().any(AptCall::updates) && !calls.iter().any(AptCall::uses_lists) {
                found.push(step.instruction.span);
            }
        }
    }
    found
}
