//! A last stage without the builder's tools.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::apt::AptCall;
use super::{Answer, Rule, finding};
use crate::dockerfile::shell::{SimpleCommand, commands_of};
use crate::dockerfile::{Base, EdgeKind, ImageName, InstructionKind, LineSpan, StageGraph};
use crate::judge::facts::Facts;

/// The last stage is not the builder, does not start from it, and carries no compilers.
///
/// ```toml
/// [[checks]]
/// type = "lean_final_stage"
/// tools = ["gcc", "build-essential"]   # optional: packages that must not be installed there
/// ```
///
/// Codes: `final_stage_is_builder`, `build_tools_in_final`. Skipped when there is but one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeanFinalStage {
    /// Packages that only a build needs, in place of the usual ones.
    pub tools: Option<Vec<String>>,
}

/// Packages that only a build needs.
const TOOLS: [&str; 20] = [
    "autoconf",
    "automake",
    "build-base",
    "build-essential",
    "cargo",
    "clang",
    "cmake",
    "g++",
    "gcc",
    "gfortran",
    "golang",
    "golang-go",
    "libc6-dev",
    "libc-dev",
    "make",
    "musl-dev",
    "python3-dev",
    "rustc",
    "linux-headers",
    "dpkg-dev",
];

impl Rule for LeanFinalStage {
    fn codes(&self) -> Vec<&str> {
        vec!["final_stage_is_builder", "build_tools_in_final"]
    }

    fn title(&self) -> String {
        "The builder's tools stay behind".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let Some(last) = graph.last().filter(|_| graph.stages.len() > 1) else { return Answer::Skipped };
        let why = "Compilers and headers are needed to build, not to run; each is weight, and a tool for whoever breaks in.";
        // The last stage starts from a stage that builds, or from one that it also copies from.
        let chain: Vec<usize> = graph.chain(last.index).map(|stage| stage.index).collect();
        let copied: Vec<usize> = graph
            .edges_into_image()
            .iter()
            .filter(|(_, edge)| edge.kind == EdgeKind::Copy)
            .filter_map(|(_, edge)| edge.stage())
            .collect();
        let builder = chain[1..]
            .iter()
            .copied()
            .find(|stage| copied.contains(stage) || self.installed_tools(graph, *stage).is_some());
        if let Some(builder) = builder {
            let name = graph.stages[builder].name.clone().unwrap_or_else(|| builder.to_string());
            let mut found = finding(
                "final_stage_is_builder",
                format!("The last stage starts from the stage {name}, so it holds all that was built with."),
                "Start the last stage from a small image of its own, and fetch only the results.",
                why,
            );
            found.place = Some(subject.place(last.span));
            return found.into();
        }
        let own = chain.iter().find_map(|stage| self.installed_tools(graph, *stage));
        let in_base = chain.last().and_then(|stage| match &graph.stages[*stage].base {
            Base::Image(image) if is_toolchain(image) => Some((image.clone(), graph.stages[*stage].span)),
            _ => None,
        });
        let found = match (own, in_base) {
            (Some((tools, span)), _) => {
                let message =
                    format!("The last stage installs tools that only a build needs: {}.", tools.join(", "));
                let hint = "Do this in the stage that builds, and copy over what comes out of it.";
                Some((message, hint, span))
            }
            (None, Some((image, span))) => {
                let message = format!("The last stage starts from {image}, which brings compilers along.");
                let hint = "Look for a smaller variant of the same image: its tag often says slim or alpine.";
                Some((message, hint, span))
            }
            (None, None) => None,
        };
        found.map_or(Answer::Met, |(message, hint, span)| {
            let mut found = finding("build_tools_in_final", message, hint, why);
            found.place = Some(subject.place(span));
            found.into()
        })
    }
}

impl LeanFinalStage {
    /// The tools that a stage installs and keeps, and where.
    fn installed_tools(&self, graph: &StageGraph<'_>, stage: usize) -> Option<(Vec<String>, LineSpan)> {
        for step in &graph.stages[stage].steps {
            if !matches!(step.instruction.kind, InstructionKind::Run(_)) {
                continue;
            }
            let mut installed: Vec<String> = Vec::new();
            for command in commands_of(graph, stage, step.index) {
                match package_change(&command) {
                    Some((true, packages)) => {
                        installed.extend(packages.into_iter().filter(|package| self.is_tool(package)));
                    }
                    // What the same RUN removes again never becomes part of its layer.
                    Some((false, packages)) => installed.retain(|tool| {
                        !packages.iter().any(|package| package == tool || package.starts_with('.'))
                    }),
                    None => {}
                }
            }
            if !installed.is_empty() {
                return Some((installed, step.instruction.span));
            }
        }
        None
    }

    fn is_tool(&self, package: &str) -> bool {
        match &self.tools {
            Some(tools) => tools.iter().any(|tool| tool == package),
            None => TOOLS.contains(&package) || package.starts_with("gcc-") || package.starts_with("g++-"),
        }
    }
}

/// Packages that a command installs (true) or removes (false), without versions.
fn package_change(command: &SimpleCommand) -> Option<(bool, Vec<String>)> {
    let without_version = |word: &str| word.split('=').next().unwrap_or(word).to_owned();
    if let Some(call) = AptCall::read(command) {
        let installs = match call.subcommand {
            "install" => true,
            "remove" | "purge" | "autoremove" => false,
            _ => return None,
        };
        return Some((installs, call.words.into_iter().map(without_version).collect()));
    }
    let mut words = command.arguments().iter().filter(|word| !word.starts_with('-'));
    let installs = match (command.program(), words.next()?.as_str()) {
        ("dnf" | "yum" | "microdnf", "install") | ("apk", "add") => true,
        ("dnf" | "yum", "remove" | "autoremove") | ("apk", "del") => false,
        _ => return None,
    };
    Some((installs, words.map(|word| without_version(word)).collect()))
}

/// Images that come with compilers.
fn is_toolchain(image: &str) -> bool {
    let image = ImageName::parse(image);
    let tag = image.tag.unwrap_or("latest");
    match image.short() {
        "golang" | "rust" | "gcc" | "maven" | "gradle" | "buildpack-deps" => true,
        "python" | "node" | "ruby" | "perl" => !["slim", "alpine"].iter().any(|small| tag.contains(small)),
        _ => false,
    }
}
