//! pip's download cache, and whether it stays in the image.

use serde::{Deserialize, Serialize};

use super::pip::PipCall;
use super::{Answer, Rule, finding};
use crate::dockerfile::shell::{SimpleCommand, commands_of, home_of};
use crate::dockerfile::{EdgeKind, Instruction, InstructionKind, StageGraph, mounts};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoPipCache {}

impl Rule for NoPipCache {
    fn codes(&self) -> Vec<&str> {
        vec!["pip_cache_flag_missing"]
    }

    fn title(&self) -> String {
        "pip leaves no cache in the image".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let findings: Vec<Finding> = shipped_stages(graph)
            .into_iter()
            .flat_map(|stage| leaks(graph, stage))
            .map(|instruction| {
                let mut found = finding(
                    "pip_cache_flag_missing",
                    "This step leaves pip's download cache in the image.",
                    "pip has an option that keeps it from writing a cache; a cache mount or PIP_NO_CACHE_DIR do as well. \
                     Removing it in a later RUN does not help: the layer below keeps it.",
                    "The cache only helps a second install, and an image never has one: it is dead weight in every copy.",
                );
                found.place = Some(subject.place(instruction.span));
                found
            })
            .collect();
        findings.into()
    }
}

/// The last stage, those that it starts from, and those whose home folder it copies.
fn shipped_stages(graph: &StageGraph<'_>) -> Vec<usize> {
    let Some(last) = graph.last() else { return Vec::new() };
    let mut shipped: Vec<usize> = graph.chain(last.index).map(|stage| stage.index).collect();
    let mut at = 0;
    while at < shipped.len() {
        let copied: Vec<usize> = graph.stages[shipped[at]]
            .edges
            .iter()
            .filter(|edge| edge.kind == EdgeKind::Copy)
            .filter(|edge| {
                edge.paths.iter().any(|path| {
                    let path = path.trim_end_matches(['/', '.', '*']);
                    "/root/.cache/pip".starts_with(path) || path.contains("/.cache")
                })
            })
            .filter_map(|edge| edge.stage())
            .flat_map(|stage| graph.chain(stage).map(|stage| stage.index).collect::<Vec<_>>())
            .collect();
        for stage in copied {
            if !shipped.contains(&stage) {
                shipped.push(stage);
            }
        }
        at += 1;
    }
    shipped.sort_unstable();
    shipped
}

/// The steps of a stage that leave a cache behind.
fn leaks<'f>(graph: &StageGraph<'f>, stage: usize) -> Vec<&'f Instruction> {
    let mut found = Vec::new();
    // `pip config set` holds from its step on.
    let mut configured = false;
    for step in &graph.stages[stage].steps {
        if !matches!(step.instruction.kind, InstructionKind::Run(_)) {
            continue;
        }
        let commands = commands_of(graph, stage, step.index);
        let env = |name: &str| graph.scope(stage, step.index).get(name).map(str::to_owned);
        if !commands.iter().any(|command| PipCall::read(command).is_some()) {
            continue;
        }
        let home = env("HOME").unwrap_or_else(|| home_of(graph, stage, step.index));
        let run = Run { instruction: step.instruction, commands: &commands, env: &env, home: &home };
        if run.leaks(&mut configured) {
            found.push(step.instruction);
        }
    }
    found
}

struct Run<'r> {
    instruction: &'r Instruction,
    commands: &'r [SimpleCommand],
    env: &'r dyn Fn(&str) -> Option<String>,
    home: &'r str,
}

impl Run<'_> {
    fn leaks(&self, configured: &mut bool) -> bool {
        let mut exported: Vec<(String, String)> = Vec::new();
        let mut left = Vec::new();
        for command in self.commands {
            if command.program() == "export" {
                let pairs = command.arguments().iter().filter_map(|word| word.split_once('='));
                exported.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            } else if command.words.is_empty() {
                exported.extend(command.assignments.clone());
            } else if matches!(command.program(), "rm" | "find") {
                left.retain(|folder: &String| !removes(command, folder));
            }
            let Some(call) = PipCall::read(command) else { continue };
            match call.subcommand.as_str() {
                "cache" if call.words.first().is_some_and(|word| word == "purge" || word == "remove") => {
                    left.clear()
                }
                "config" if call.words.iter().any(|word| word.ends_with("no-cache-dir")) => {
                    *configured = true
                }
                _ => {}
            }
            if !call.handles_packages() || call.offline || call.no_cache || (*configured && !call.is_uv) {
                continue;
            }
            let variable = |name: &str| {
                let own = command.assignments.iter().chain(exported.iter().rev());
                own.into_iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).or_else(|| (self.env)(name))
            };
            let switch = if call.is_uv { "UV_NO_CACHE" } else { "PIP_NO_CACHE_DIR" };
            if variable(switch).is_some_and(|value| is_switch(&value)) {
                continue;
            }
            let (name, folder) = if call.is_uv { ("UV_CACHE_DIR", "uv") } else { ("PIP_CACHE_DIR", "pip") };
            let folder = call.cache_dir.clone().or_else(|| variable(name)).unwrap_or_else(|| {
                let caches = variable("XDG_CACHE_HOME").unwrap_or_else(|| format!("{}/.cache", self.home));
                format!("{caches}/{folder}")
            });
            if !self.is_mounted(&folder) {
                left.push(folder);
            }
        }
        !left.is_empty()
    }

    /// Whether a cache or tmpfs mount of this `RUN` takes the folder in.
    fn is_mounted(&self, folder: &str) -> bool {
        mounts(self.instruction).filter(|mount| matches!(mount.kind(), "cache" | "tmpfs")).any(|mount| {
            let target =
                mount.target().unwrap_or_default().replace("$HOME", self.home).replace("${HOME}", self.home);
            covers(&target, folder)
        })
    }
}

/// Whether a folder is another, or holds it.
fn covers(outer: &str, inner: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    !outer.is_empty()
        && inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a command removes a folder, or all that lies in it.
fn removes(command: &SimpleCommand, folder: &str) -> bool {
    let deletes = match command.program() {
        "rm" => command.arguments().iter().any(|w| {
            w == "--recursive" || (w.starts_with('-') && !w.starts_with("--") && w.contains(['r', 'R']))
        }),
        _ => command.arguments().iter().any(|word| word == "-delete"),
    };
    deletes
        && command.arguments().iter().filter(|word| !word.starts_with('-')).any(|word| {
            let target = word.trim_end_matches("/*");
            covers(target, folder)
        })
}

/// pip takes any of these, `0` and `false` too, as "no cache": an old quirk that it keeps.
fn is_switch(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on" | "y" | "t" | "0" | "false" | "no" | "off" | "n" | "f"
    )
}
