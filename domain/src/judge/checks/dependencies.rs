//! Dependencies first, source after: the order that lets the cache work.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ecosystem::{Ecosystem, Install};
use super::{Answer, Rule, finding};
use crate::context::DockerIgnore;
use crate::dockerfile::shell::commands_of;
use crate::dockerfile::{InstructionKind, Layout, Origin, StageGraph};
use crate::judge::Subject;
use crate::judge::facts::Facts;
use crate::verdict::Finding;

/// The list of dependencies is copied and installed before the source comes in, so that a change of the source does
/// not install everything again.
///
/// Looked at by meaning: any spelling of `COPY` or `ADD`, patterns, bind mounts, other stages, and files that
/// `.dockerignore` keeps out anyway.
///
/// ```toml
/// [[checks]]
/// type = "dependencies_first"
/// ecosystem = "pip"                  # or npm, go, cargo
/// manifests = ["requirements.txt"]   # optional: patterns as in .dockerignore
/// source = ["app/**"]                # optional
/// ```
///
/// Codes: `copy_requirements_missing`, `pip_install_missing` (for other ecosystems `copy_manifest_missing`,
/// `install_missing`), `copy_source_missing`, `layer_order_incorrect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DependenciesFirst {
    /// Whose dependencies.
    pub ecosystem: Ecosystem,
    /// Patterns of the files that list them, in place of the ecosystem's own.
    pub manifests: Option<Vec<String>>,
    /// Patterns of the source files, in place of the ecosystem's own.
    pub source: Option<Vec<String>>,
}

/// Install steps that are looked at; nobody has more, and each costs a look at all files.
const MAX_INSTALLS: usize = 100;

/// A step that installs dependencies.
#[derive(Debug, Clone, Copy)]
pub(in crate::judge) struct InstallStep {
    pub(in crate::judge) stage: usize,
    pub(in crate::judge) step: usize,
    install: Install,
}

impl Rule for DependenciesFirst {
    fn codes(&self) -> Vec<&str> {
        let (manifest, install) = self.ecosystem.codes();
        vec![manifest, install, "copy_source_missing", "layer_order_incorrect"]
    }

    fn title(&self) -> String {
        "Dependencies are installed before the source is copied".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let is_manifest = matcher(self.manifests.as_deref(), self.ecosystem.manifests());
        let is_source = matcher(self.source.as_deref(), self.ecosystem.source());
        let layout = Layout::new(graph, &subject.copyable);
        let steps = install_steps(graph, self.ecosystem);
        let by_list: Vec<InstallStep> = steps
            .iter()
            .filter(|step| step.install == Install::FromManifest)
            .copied()
            .take(MAX_INSTALLS)
            .collect();
        let mut findings = Vec::new();
        if by_list.is_empty() {
            findings.push(self.install_missing(subject, graph, steps.first()));
        }
        // Each file is held against the patterns once, however often it is copied.
        let manifests: HashSet<&str> = matching(subject, &is_manifest);
        let sources: HashSet<&str> = matching(subject, &is_source).difference(&manifests).copied().collect();
        let sees = |step: &InstallStep, kind: &HashSet<&str>| -> Option<Origin> {
            let of_kind = |origin: &Origin| kind.contains(origin.context_path.as_str());
            let copied = layout.before(step.stage, step.step).find(|origin| of_kind(origin)).cloned();
            copied.or_else(|| {
                layout
                    .mounted(step.stage, step.step, &subject.copyable)
                    .into_iter()
                    .find(|origin| of_kind(origin))
            })
        };
        let needed = graph.needed();
        let is_anywhere = |kind: &HashSet<&str>| {
            needed
                .iter()
                .flat_map(|stage| layout.brought(*stage))
                .any(|o| kind.contains(o.context_path.as_str()))
        };
        let lacking = by_list.iter().find(|step| sees(step, &manifests).is_none());
        match lacking {
            Some(step) => findings.push(self.manifest_missing(subject, graph, &is_manifest, Some(step))),
            None if by_list.is_empty() && !is_anywhere(&manifests) => {
                findings.push(self.manifest_missing(subject, graph, &is_manifest, None));
            }
            None => {}
        }
        if !is_anywhere(&sources) {
            findings.push(finding(
                "copy_source_missing",
                "The app's source is never copied into the image.",
                "After the dependencies are in, COPY the rest of the app.",
                "An image holds only what its Dockerfile puts there; your folder is not part of it.",
            ));
        }
        let mut told = Vec::new();
        for step in &by_list {
            let Some(early) = sees(step, &sources) else { continue };
            if told.contains(&early.span) {
                continue;
            }
            told.push(early.span);
            findings.push(self.order(subject, graph, *step, &early));
        }
        findings.into()
    }
}

impl DependenciesFirst {
    fn install_missing(
        &self,
        subject: &Subject<'_>,
        graph: &StageGraph<'_>,
        by_name: Option<&InstallStep>,
    ) -> Finding {
        let list = self.ecosystem.manifest_name();
        let mut found = finding(
            self.ecosystem.codes().1,
            format!("No step of the image installs the dependencies that {list} lists."),
            &format!("Install from the list in a RUN of its own: {}.", self.ecosystem.install_name()),
            "The base image holds the language, not the libraries that your app imports.",
        );
        if let Some(step) = by_name {
            found.message = format!("Packages are installed by name here, not from {list}.");
            found.hint = format!(
                "Let the list decide, so that versions stand in one place: {}.",
                self.ecosystem.install_name()
            );
            found.place = Some(subject.place(graph.stages[step.stage].steps[step.step].instruction.span));
        }
        found
    }

    fn manifest_missing(
        &self,
        subject: &Subject<'_>,
        graph: &StageGraph<'_>,
        is_manifest: &DockerIgnore,
        step: Option<&InstallStep>,
    ) -> Finding {
        let list = self.ecosystem.manifest_name();
        let mut found = finding(
            self.ecosystem.codes().0,
            match step {
                Some(_) => format!("When this step runs, {list} has not been copied yet."),
                None => format!("{list} is never copied into the image."),
            },
            &format!("COPY {list} on its own, before the step that installs from it."),
            "A RUN sees the image as the steps before it left it, not your folder.",
        );
        found.place =
            step.map(|step| subject.place(graph.stages[step.stage].steps[step.step].instruction.span));
        let left_out = subject
            .files
            .keys()
            .filter(|path| is_manifest.excludes(path))
            .find_map(|path| subject.context.left_out_by(path).map(|rule| (path, rule)));
        if let Some((path, rule)) = left_out {
            found.message = format!("{path} never reaches the build: {rule} leaves it out.");
            found.hint = "Take that pattern back, or add a line with ! for this file after it.".to_owned();
        }
        found
    }

    fn order(
        &self,
        subject: &Subject<'_>,
        graph: &StageGraph<'_>,
        step: InstallStep,
        early: &Origin,
    ) -> Finding {
        let install = graph.stages[step.stage].steps[step.step].instruction.span.first;
        let list = self.ecosystem.manifest_name();
        let same = early.stage == step.stage && early.step == step.step;
        let mut found = finding(
            "layer_order_incorrect",
            if same {
                format!(
                    "This step installs the dependencies with the source ({}) mounted.",
                    early.context_path
                )
            } else {
                format!(
                    "{} is copied here, before line {install} installs the dependencies.",
                    early.context_path
                )
            },
            &format!("First COPY only {list}, then install, then COPY the rest."),
            "A step's cache holds only while everything before it is unchanged: with the source in front, each edit \
             installs all dependencies again.",
        );
        found.place = Some(subject.place(early.span));
        found
    }
}

fn matching<'s>(subject: &'s Subject<'_>, patterns: &DockerIgnore) -> HashSet<&'s str> {
    subject.copyable.iter().map(String::as_str).filter(|path| patterns.excludes(path)).collect()
}

fn matcher(own: Option<&[String]>, default: &[&str]) -> DockerIgnore {
    match own {
        Some(patterns) => DockerIgnore::parse(&patterns.join("\n")),
        None => DockerIgnore::parse(&default.join("\n")),
    }
}

/// The steps of needed stages that install dependencies, in the order of the file.
pub(in crate::judge) fn install_steps(graph: &StageGraph<'_>, ecosystem: Ecosystem) -> Vec<InstallStep> {
    let mut found = Vec::new();
    for stage in graph.needed() {
        for step in &graph.stages[stage].steps {
            if !matches!(step.instruction.kind, InstructionKind::Run(_)) {
                continue;
            }
            let installs: Vec<Install> = commands_of(graph, stage, step.index)
                .iter()
                .filter_map(|command| ecosystem.install(command))
                .collect();
            let install = match installs.as_slice() {
                [] => continue,
                all if all.contains(&Install::FromManifest) => Install::FromManifest,
                _ => Install::ByName,
            };
            found.push(InstallStep { stage, step: step.index, install });
        }
    }
    found
}
