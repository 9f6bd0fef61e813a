//! How much a build sends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::DOCKERIGNORE;
use crate::judge::facts::Facts;
use crate::verdict::Place;

/// The files that a build would send are no larger than this together, `.dockerignore` applied.
///
/// ```toml
/// [[checks]]
/// type = "context_size"
/// max_kb = 200   # of 1,000 bytes
/// ```
///
/// Codes: `context_too_large`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContextSize {
    /// The largest size that passes, in thousands of bytes.
    pub max_kb: u64,
}

impl Rule for ContextSize {
    fn codes(&self) -> Vec<&str> {
        vec!["context_too_large"]
    }

    fn title(&self) -> String {
        format!("The build context is at most {} kB", self.max_kb)
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let files = &facts.subject.files;
        let mut sent: Vec<(usize, &str)> = facts
            .subject
            .copyable
            .iter()
            .map(|path| (files.get(path).map_or(0, Vec::len), path.as_str()))
            .collect();
        let bytes: usize = sent.iter().map(|(bytes, _)| bytes).sum();
        if bytes as u64 <= self.max_kb * 1000 {
            return Answer::Met;
        }
        sent.sort_by(|a, b| b.cmp(a));
        let mut found = finding(
            "context_too_large",
            format!("A build sends {:.0} kB; at most {} kB pass.", bytes as f64 / 1e3, self.max_kb),
            "Which of the largest files does the image need? The others belong into .dockerignore.",
            "All of the context goes to the engine before the first step, on each build, and COPY . puts it into the image.",
        );
        let lines: Vec<String> = sent
            .iter()
            .take(6)
            .map(|(bytes, path)| format!("{:>8.1} kB  {path}", *bytes as f64 / 1e3))
            .collect();
        found.log = Some(lines.join("\n"));
        found.place = files.contains_key(DOCKERIGNORE).then(|| Place {
            file: DOCKERIGNORE.to_owned(),
            line: None,
            end_line: None,
            excerpt: None,
        });
        found.into()
    }
}
