//! pip's download cache, and whether it stays in the image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caches::{Installer, leaks};
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::verdict::Finding;

/// pip leaves no cache in the image: by `--no-cache-dir`, by `PIP_NO_CACHE_DIR`, by a cache mount, by removing it in the
/// same `RUN`, or because it happens in a stage whose files do not come along.
///
/// ```toml
/// [[checks]]
/// type = "no_pip_cache"
/// ```
///
/// Codes: `pip_cache_flag_missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoPipCache {}

impl Rule for NoPipCache {
    fn codes(&self) -> Vec<&str> {
        vec!["pip_cache_flag_missing"]
    }

    fn title(&self) -> String {
        "pip leaves no cache in the image".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let findings: Vec<Finding> = leaks(graph, Installer::Pip)
            .into_iter()
            .map(|leak| {
                let mut found = finding(
                    "pip_cache_flag_missing",
                    "This step leaves pip's download cache in the image.",
                    "pip has an option that keeps it from writing a cache; a cache mount or PIP_NO_CACHE_DIR do as well. \
                     Removing it in a later RUN does not help: the layer below keeps it.",
                    "The cache only helps a second install, and an image never has one: it is dead weight in every copy.",
                );
                found.place = Some(facts.subject.place(leak.instruction.span));
                found
            })
            .collect();
        findings.into()
    }
}
