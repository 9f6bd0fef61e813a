//! Checks about stages and what the image takes from them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::dockerfile::{Edge, EdgeSource, StageGraph};
use crate::judge::facts::Facts;
use crate::lab::nearest;

/// The Dockerfile has more than one stage.
///
/// ```toml
/// [[checks]]
/// type = "multi_stage"
/// ```
///
/// Codes: `single_stage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MultiStage {}

impl Rule for MultiStage {
    fn codes(&self) -> Vec<&str> {
        vec!["single_stage"]
    }

    fn title(&self) -> String {
        "The image is built in more than one stage".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        if graph.stages.len() > 1 {
            return Answer::Met;
        }
        let mut found = finding(
            "single_stage",
            "The Dockerfile has one stage: all that the build needed stays in the image.",
            "A second FROM starts a second, empty stage. What should come along, it has to fetch from the first.",
            "Compilers and headers are needed to build, not to run; each is weight, and a tool for whoever breaks in.",
        );
        found.place = graph.stages.first().map(|stage| subject.place(stage.span));
        found.into()
    }
}

/// The image takes something from a stage that it does not start from: by `COPY --from` with a name or a number, by a
/// bind mount, or through a chain of stages.
///
/// ```toml
/// [[checks]]
/// type = "copies_from_stage"
/// ```
///
/// Codes: `copy_from_missing`, `builder_alias_missing` (a `--from` whose name no stage has). Skipped when there is but
/// one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CopiesFromStage {}

impl Rule for CopiesFromStage {
    fn codes(&self) -> Vec<&str> {
        vec!["copy_from_missing", "builder_alias_missing"]
    }

    fn title(&self) -> String {
        "The last stage takes what it needs from an earlier one".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let Some(last) = graph.last().filter(|_| graph.stages.len() > 1) else { return Answer::Skipped };
        let edges = graph.edges_into_image();
        let unnamed = edges.iter().find_map(|(_, edge)| dangling(graph, edge).map(|name| (*edge, name)));
        if let Some((edge, name)) = unnamed {
            let mut found = finding(
                "builder_alias_missing",
                format!("No stage is called {name}, so Docker would look for an image of that name."),
                "Give the stage that builds a name after its FROM, or copy from it by its number.",
                "--from means a stage of this file first, and an image from a registry when no stage fits.",
            );
            found.place = Some(subject.place(edge.span));
            return found.into();
        }
        let own: Vec<usize> = graph.chain(last.index).map(|stage| stage.index).collect();
        let takes = edges.iter().filter_map(|(_, edge)| edge.stage()).any(|stage| !own.contains(&stage));
        // A last stage that starts from the builder has its files already; another check speaks about that.
        let from_own = edges.iter().any(|(_, edge)| edge.stage().is_some());
        if takes || from_own {
            return Answer::Met;
        }
        let mut found = finding(
            "copy_from_missing",
            "The last stage takes nothing from the stages before it.",
            "A COPY can fetch from another stage in place of your folder: look for its --from option.",
            "Only the last stage becomes the image; what the others made is thrown away unless it is copied over.",
        );
        found.place = Some(subject.place(last.span));
        found.into()
    }
}

/// The name of a `--from` that was meant for a stage but fits none: a bare word, when a stage has no name or one much
/// like it.
fn dangling<'e>(graph: &StageGraph<'_>, edge: &'e Edge) -> Option<&'e str> {
    let EdgeSource::Image(name) = &edge.source else { return None };
    if name.contains(['/', ':', '@', '.']) {
        return None;
    }
    let earlier = &graph.stages[..graph.stages.len() - 1];
    let meant = earlier.iter().any(|stage| stage.name.is_none())
        || nearest(name, earlier.iter().filter_map(|stage| stage.name.as_deref())).is_some()
        || matches!(name.as_str(), "build" | "builder" | "base" | "deps" | "compile" | "compiler");
    meant.then_some(name)
}
