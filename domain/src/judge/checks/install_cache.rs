//! Any package manager's cache, and whether it stays in the image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caches::{Installer, leaks};
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::verdict::Finding;

/// A package manager leaves no cache in the image: because it writes none, by a cache mount, by emptying it in the same
/// `RUN`, or because it runs in a stage whose files do not come along.
///
/// ```toml
/// [[checks]]
/// type = "no_install_cache"
/// ecosystem = "npm"   # or pip, go, cargo, apt
/// ```
///
/// Codes: `install_cache_kept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoInstallCache {
    /// Whose cache.
    pub ecosystem: Installer,
}

impl Rule for NoInstallCache {
    fn codes(&self) -> Vec<&str> {
        vec!["install_cache_kept"]
    }

    fn title(&self) -> String {
        format!("{} leaves no cache in the image", self.ecosystem.name())
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let findings: Vec<Finding> = leaks(graph, self.ecosystem)
            .into_iter()
            .map(|leak| {
                let places: Vec<&str> = leak.caches.iter().map(|cache| cache.places[0].as_str()).collect();
                let mut found = finding(
                    "install_cache_kept",
                    format!("This step leaves what {} keeps for the next time in the image: {}.", self.ecosystem.name(), places.join(", ")),
                    "What one step writes, a later one can't take out of the layer again. Can this very step do without the \
                     cache, empty it before it ends, or keep it somewhere that is no part of the image?",
                    "A cache only helps a second install, and an image never has one: it is dead weight in every copy.",
                );
                found.place = Some(facts.subject.place(leak.instruction.span));
                found
            })
            .collect();
        findings.into()
    }
}

impl Installer {
    fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Npm => "npm",
            Self::Go => "Go",
            Self::Cargo => "cargo",
            Self::Apt => "apt",
        }
    }
}
