//! No secret in the image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret_words::{holds_secret, is_secret, is_switch, names_secret, secret_files};
use super::{Answer, Rule, finding};
use crate::dockerfile::{Instruction, InstructionKind, Layout, LineSpan, StageGraph, matches};
use crate::judge::Subject;
use crate::judge::facts::Facts;
use crate::verdict::Finding;

/// No secret gets into the image or stands in the Dockerfile: not by `ARG`, not by `ENV`, and by no file that is copied
/// in.
///
/// Looked at are the names of variables (`DB_PASSWORD`, but not `DB_PASSWORD_FILE` or `TOKEN_TTL`), values that are
/// tokens of a known make, private keys or addresses with a password, and files by their names and what they hold. A
/// secret mount is fine. In a stage that is left behind, only a value that is written down counts.
///
/// ```toml
/// [[checks]]
/// type = "no_secrets"
/// names = ["LICENSE_*"]      # optional: further names of variables, * stands for anything
/// files = ["conf/prod.*"]    # optional: further files, patterns as in .dockerignore; ! takes one out
/// ```
///
/// Codes: `secret_in_arg`, `secret_in_env`, `secret_copied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoSecrets {
    /// Further names of variables that hold secrets; `*` stands for anything.
    #[serde(default)]
    pub names: Vec<String>,
    /// Further files that hold secrets, as patterns of `.dockerignore`; one with `!` takes a file out.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Paths that one finding names.
const MAX_PATHS: usize = 5;

impl Rule for NoSecrets {
    fn codes(&self) -> Vec<&str> {
        vec!["secret_in_arg", "secret_in_env", "secret_copied"]
    }

    fn title(&self) -> String {
        "No secret gets into the image".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let mut findings = self.in_variables(graph, facts.subject);
        findings.extend(self.in_files(graph, facts.subject));
        findings.into()
    }
}

impl NoSecrets {
    fn is_secret_name(&self, name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        names_secret(&name) || self.names.iter().any(|pattern| matches(&pattern.to_ascii_uppercase(), &name))
    }

    fn in_variables(&self, graph: &StageGraph<'_>, subject: &Subject<'_>) -> Vec<Finding> {
        let shipped: Vec<usize> = graph
            .last()
            .into_iter()
            .flat_map(|last| graph.chain(last.index))
            .map(|stage| stage.index)
            .collect();
        let first = graph.stages.first().map_or(u32::MAX, |stage| stage.span.first);
        let global = graph.file.instructions.iter().filter(|instruction| instruction.span.first < first);
        let mut steps: Vec<(&Instruction, bool)> = global.map(|instruction| (instruction, false)).collect();
        for stage in graph.needed() {
            let is_shipped = shipped.contains(&stage);
            steps.extend(graph.stages[stage].steps.iter().map(|step| (step.instruction, is_shipped)));
        }
        let mut findings = Vec::new();
        for (instruction, is_shipped) in steps {
            let told: fn(&Subject<'_>, &str, LineSpan) -> Finding = match instruction.kind {
                InstructionKind::Arg(_) => in_arg,
                _ => in_env,
            };
            for (name, value) in variables(instruction) {
                let is_given = value.is_none_or(|value| !plain(value).is_empty());
                let value = value.map(plain).unwrap_or_default();
                let is_written = !value.is_empty() && !value.contains('$');
                let by_name = self.is_secret_name(name)
                    && !is_switch(value)
                    && (is_written || (is_shipped && is_given));
                if by_name || is_secret(value) {
                    findings.push(told(subject, name, instruction.span));
                }
            }
        }
        findings
    }

    fn in_files(&self, graph: &StageGraph<'_>, subject: &Subject<'_>) -> Vec<Finding> {
        let Some(last) = graph.last() else { return Vec::new() };
        let patterns = secret_files(&self.files);
        let is_secret_file = |path: &str| {
            let content = subject.files.get(path).map(Vec::as_slice).unwrap_or_default();
            patterns.excludes(path) || holds_secret(path, content)
        };
        let secret: Vec<&String> = subject.copyable.iter().filter(|path| is_secret_file(path)).collect();
        let mut brought: Vec<(LineSpan, Vec<String>)> = Vec::new();
        let mut note = |span: LineSpan, path: &str| match brought.iter_mut().find(|(known, _)| *known == span)
        {
            Some((_, paths)) if paths.iter().any(|known| known == path) => {}
            Some((_, paths)) => paths.push(path.to_owned()),
            None => brought.push((span, vec![path.to_owned()])),
        };
        if !secret.is_empty() {
            let layout = Layout::new(graph, &subject.copyable);
            for origin in layout.after(last.index) {
                if secret.iter().any(|path| **path == origin.context_path) {
                    note(origin.span, &origin.context_path);
                }
            }
        }
        // A here-document is a file whose content stands in the Dockerfile.
        for stage in graph.chain(last.index) {
            for step in &stage.steps {
                let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) =
                    &step.instruction.kind
                else {
                    continue;
                };
                let destination = graph.scope(stage.index, step.index).expand(&transfer.destination);
                for document in &step.instruction.heredocs {
                    let path = match destination.ends_with('/') {
                        true => format!("{destination}{}", document.name),
                        false => destination.clone(),
                    };
                    let path = path.trim_start_matches('/');
                    if patterns.excludes(path) || holds_secret(path, document.content.as_bytes()) {
                        note(step.instruction.span, path);
                    }
                }
            }
        }
        brought.into_iter().map(|(span, paths)| copied(subject, &paths, span)).collect()
    }
}

/// The names that an instruction gives, each with its value; an `ARG` without one waits for whoever builds.
fn variables(instruction: &Instruction) -> Vec<(&str, Option<&str>)> {
    match &instruction.kind {
        InstructionKind::Arg(pairs) => {
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect()
        }
        InstructionKind::Env(pairs) => {
            pairs.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect()
        }
        _ => Vec::new(),
    }
}

/// A value without its quotes, variables left as they are.
fn plain(value: &str) -> &str {
    value.trim_matches(['"', '\''])
}

fn in_arg(subject: &Subject<'_>, name: &str, span: LineSpan) -> Finding {
    let mut found = finding(
        "secret_in_arg",
        format!("The build argument {name} is a secret."),
        "A RUN can be lent a secret for as long as it runs, without it becoming part of anything.",
        "docker history shows the arguments of every step to whoever has the image.",
    );
    found.place = Some(subject.place(span));
    found
}

fn in_env(subject: &Subject<'_>, name: &str, span: LineSpan) -> Finding {
    let mut found = finding(
        "secret_in_env",
        format!("The variable {name} puts a secret into the image."),
        "When is it needed? During the build, a RUN can be lent a secret; at run time, whoever starts the container gives it.",
        "docker inspect shows an image's variables to whoever has it, and every process of the container inherits them.",
    );
    found.place = Some(subject.place(span));
    found
}

fn copied(subject: &Subject<'_>, paths: &[String], span: LineSpan) -> Finding {
    let named = paths[..paths.len().min(MAX_PATHS)].join(", ");
    let rest = paths.len().saturating_sub(MAX_PATHS);
    let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    let mut found = finding(
        "secret_copied",
        format!("This step copies what should stay secret into the image: {named}{rest}."),
        "Does the image need it at all? What should never be copied can be kept out of the build's context. Removing it in \
         a later step only hides it.",
        "Whoever has the image can read every file of every layer, also those that a later step removed.",
    );
    found.place = Some(subject.place(span));
    found
}
