//! Variables as a step sees them.

use super::graph::StageGraph;
use super::variables::expand;

/// What a step sees of `ENV` and `ARG`.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'g, 'f> {
    pub(super) graph: &'g StageGraph<'f>,
    pub(super) stage: usize,
    pub(super) step: usize,
}

impl Scope<'_, '_> {
    /// A variable's value: the last `ENV` of that name, else the last `ARG` of this stage.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut argument = None;
        for (depth, stage) in self.graph.chain(self.stage).enumerate() {
            let Some(definitions) = stage.definitions.get(name) else { continue };
            let visible = match depth {
                0 => &definitions[..definitions.partition_point(|d| d.step < self.step)],
                _ => &definitions[..],
            };
            if let Some(found) = visible.iter().rev().find(|d| d.is_env) {
                return Some(&found.value);
            }
            if depth == 0 {
                argument = visible.last().map(|d| d.value.as_str());
            }
        }
        argument
    }

    /// Fills variables into a text and removes its quotes.
    pub fn expand(&self, text: &str) -> String {
        if !text.contains(['$', '"', '\'', self.graph.file.escape]) {
            return text.to_owned();
        }
        expand(text, self.graph.file.escape, &|name| self.get(name).map(str::to_owned))
    }
}

/// One `ENV` or `ARG` of a name.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) step: usize,
    /// `ENV` outlives its stage and wins over `ARG`.
    pub(super) is_env: bool,
    pub(super) value: String,
}
