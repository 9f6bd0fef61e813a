//! Where the files of the build context lie in each stage, and since which step.

use std::collections::HashSet;

use super::graph::{Base, Edge, EdgeKind, StageGraph};
use super::instruction::{InstructionKind, Transfer};
use super::lines::LineSpan;
use super::mount::mounts;
use crate::context::{DockerIgnore, GoGlob};

/// Files placed in all stages together; beyond this nothing more is followed.
const MAX_PLACED: usize = 100_000;

/// Files looked at by all copies together: ten thousand `COPY . .` of a full workspace are not followed to the end.
const MAX_LOOKS: usize = 4_000_000;

/// Follows files of the context through `COPY`, `ADD`, `COPY --from` and bind mounts.
#[derive(Debug)]
pub struct Layout<'g, 'f> {
    graph: &'g StageGraph<'f>,
    stages: Vec<StageLayout>,
}

/// A file of the context as a step sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its path in the build context.
    pub context_path: String,
    /// Its path in the image.
    pub path: String,
    /// The stage that it came into.
    pub stage: usize,
    /// The step there that brought it.
    pub step: usize,
    /// The lines of that step.
    pub span: LineSpan,
}

#[derive(Debug, Default)]
struct StageLayout {
    /// In the order of their steps.
    placed: Vec<Origin>,
    known: HashSet<(String, String)>,
    /// The working folder before each step, and after the last.
    workdirs: Vec<String>,
    folders: HashSet<String>,
}

impl<'g, 'f> Layout<'g, 'f> {
    /// Follows these paths of the build context, written with `/` and relative to its root.
    pub fn new(graph: &'g StageGraph<'f>, context: &[String]) -> Self {
        let mut layout = Self { graph, stages: Vec::new() };
        let mut room = MAX_PLACED;
        let mut looks = MAX_LOOKS;
        let in_context: Vec<(&str, &str)> = context.iter().map(|p| (p.as_str(), p.as_str())).collect();
        for stage in &graph.stages {
            let before = match stage.base {
                Base::Stage(base) => layout.stages.get(base),
                _ => None,
            };
            let mut workdir =
                before.and_then(|b| b.workdirs.last().cloned()).unwrap_or_else(|| "/".to_owned());
            let mut own = StageLayout {
                folders: before.map(|b| b.folders.clone()).unwrap_or_default(),
                ..StageLayout::default()
            };
            for step in &stage.steps {
                own.workdirs.push(workdir.clone());
                let scope = graph.scope(stage.index, step.index);
                let instruction = step.instruction;
                match &instruction.kind {
                    InstructionKind::Workdir(path) => {
                        workdir = join(&workdir, &scope.expand(path));
                        own.folders.insert(workdir.clone());
                    }
                    InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
                        let transfer = Transfer {
                            sources: transfer.sources.iter().map(|path| scope.expand(path)).collect(),
                            destination: scope.expand(&transfer.destination),
                        };
                        let copy = Copy {
                            transfer: &transfer,
                            workdir: &workdir,
                            parents: instruction.flag("parents").is_some_and(|v| v != "false"),
                            excluded: DockerIgnore::parse(
                                &instruction.flag_values("exclude").collect::<Vec<_>>().join("\n"),
                            ),
                        };
                        let from =
                            stage.edges.iter().find(|e| e.step == step.index && e.kind == EdgeKind::Copy);
                        let in_stage: Vec<(&str, &str)>;
                        let files = match from.map(Edge::stage) {
                            None => &in_context,
                            // Stages are followed in order: one that comes later is taken as empty.
                            Some(source) => {
                                let earlier = source.filter(|source| *source < layout.stages.len());
                                in_stage = earlier
                                    .into_iter()
                                    .flat_map(|source| layout.chain_placed(source))
                                    .take(looks)
                                    .map(|o| (o.path.trim_start_matches('/'), o.context_path.as_str()))
                                    .collect();
                                &in_stage
                            }
                        };
                        // A pattern costs its length for each file, a plain path next to nothing.
                        let weight =
                            |source: &String| if source.contains(['*', '?', '[']) { source.len() } else { 1 };
                        let cost = files.len() * transfer.sources.iter().map(weight).sum::<usize>();
                        if cost > looks {
                            continue;
                        }
                        looks -= cost;
                        for (path, context_path) in copy.apply(files, &mut own.folders) {
                            if room == 0 || !own.known.insert((path.clone(), context_path.to_owned())) {
                                continue;
                            }
                            room -= 1;
                            own.placed.push(Origin {
                                context_path: context_path.to_owned(),
                                path,
                                stage: stage.index,
                                step: step.index,
                                span: instruction.span,
                            });
                        }
                    }
                    _ => {}
                }
            }
            own.workdirs.push(workdir);
            layout.stages.push(own);
        }
        layout
    }

    fn chain_placed(&self, stage: usize) -> impl Iterator<Item = &Origin> {
        self.graph.chain(stage).filter_map(|s| self.stages.get(s.index)).flat_map(|s| &s.placed)
    }

    /// The files of the context that lie in a stage before one of its steps, without what only that step mounts.
    pub fn before(&self, stage: usize, step: usize) -> impl Iterator<Item = &Origin> {
        self.chain_placed(stage).filter(move |origin| origin.stage != stage || origin.step < step)
    }

    /// The files of the context that a stage's own steps bring, without those of its base.
    pub fn brought(&self, stage: usize) -> impl Iterator<Item = &Origin> {
        self.stages.get(stage).into_iter().flat_map(|stage| &stage.placed)
    }

    /// All files of the context that end up in a stage.
    pub fn after(&self, stage: usize) -> impl Iterator<Item = &Origin> {
        self.chain_placed(stage)
    }

    /// The files of the context that only this step sees, by bind mounts.
    pub fn mounted(&self, stage: usize, step: usize, context: &[String]) -> Vec<Origin> {
        let Some(found) = self.graph.stages.get(stage).and_then(|s| s.steps.get(step)) else {
            return Vec::new();
        };
        let scope = self.graph.scope(stage, step);
        let workdir = self.workdir(stage, step);
        let mut seen = Vec::new();
        for mount in mounts(found.instruction).filter(|m| m.kind() == "bind") {
            let source = scope.expand(mount.source().unwrap_or("."));
            let root = join(&workdir, &scope.expand(mount.target().unwrap_or(".")));
            let from = mount.get("from").and_then(|from| {
                self.graph.stages[stage].edges.iter().find(|e| {
                    e.step == step && e.kind == EdgeKind::Mount && matches!(&e.source, super::EdgeSource::Stage(s)
                        if self.graph.stages[*s].name.as_deref() == Some(&from.to_ascii_lowercase()) || s.to_string() == from)
                })
            });
            let files: Vec<(String, String)> = match (mount.get("from"), from.and_then(Edge::stage)) {
                (None, _) => context.iter().map(|p| (p.clone(), p.clone())).collect(),
                (Some(_), Some(source)) => self
                    .chain_placed(source)
                    .map(|o| (o.path.trim_start_matches('/').to_owned(), o.context_path.clone()))
                    .collect(),
                (Some(_), None) => Vec::new(),
            };
            let source = clean(&source);
            for (path, context_path) in files {
                let Some(rest) = below(&path, &source) else { continue };
                let path = if rest.is_empty() { root.clone() } else { join(&root, rest) };
                seen.push(Origin { context_path, path, stage, step, span: found.instruction.span });
            }
        }
        seen
    }

    /// The working folder that a step runs in.
    pub fn workdir(&self, stage: usize, step: usize) -> String {
        self.stages
            .get(stage)
            .and_then(|s| s.workdirs.get(step).or(s.workdirs.last()))
            .cloned()
            .unwrap_or_else(|| "/".to_owned())
    }
}

struct Copy<'t> {
    transfer: &'t Transfer,
    workdir: &'t str,
    parents: bool,
    excluded: DockerIgnore,
}

impl Copy<'_> {
    /// Where these files (path at the source, path in the context) go.
    fn apply<'c>(&self, files: &[(&str, &'c str)], folders: &mut HashSet<String>) -> Vec<(String, &'c str)> {
        let destination = &self.transfer.destination;
        let target = join(self.workdir, destination);
        let mut taken = Vec::new();
        for source in &self.transfer.sources {
            if source.contains("://") || source.starts_with("<<") {
                continue;
            }
            let source = clean(source);
            let glob = source.contains(['*', '?', '[', '\\']).then(|| GoGlob::new(&source)).flatten();
            let depth = source.split('/').count();
            for (path, context_path) in files {
                let rest = match &glob {
                    None => below(path, &source),
                    Some(glob) => nth_parent(path, depth)
                        .filter(|head| glob.matches(head))
                        .map(|head| path[head.len()..].trim_start_matches('/')),
                };
                let Some(rest) = rest else { continue };
                if self.excluded.excludes(if rest.is_empty() { path } else { rest }) {
                    continue;
                }
                taken.push((*path, rest, *context_path));
            }
        }
        let into_folder = destination.ends_with('/')
            || destination.ends_with('.')
            || destination.is_empty()
            || folders.contains(&target)
            || self.transfer.sources.len() > 1
            || taken.len() > 1;
        let mut placed = Vec::with_capacity(taken.len());
        for (path, rest, context_path) in taken {
            let name = path.rsplit('/').next().unwrap_or(path);
            let place = match (self.parents, rest.is_empty()) {
                (true, _) => join(&target, path),
                (false, false) => join(&target, rest),
                (false, true) if into_folder => join(&target, name),
                (false, true) => target.clone(),
            };
            if place != target {
                folders.insert(target.clone());
            }
            placed.push((place, context_path));
        }
        placed
    }
}

/// Removes `./`, `..` and slashes at both ends; the root of the context is the empty text.
fn clean(path: &str) -> String {
    join("/", path).trim_start_matches('/').to_owned()
}

/// Folders with longer paths are not followed: ten thousand `WORKDIR a` would each take longer than the one before.
const MAX_PATH_BYTES: usize = 512;

/// Joins like `cd`: an absolute second path replaces the first. What is too long stays in the first.
fn join(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { base };
    let path = if base.len() + path.len() > MAX_PATH_BYTES { "" } else { path };
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The path below a folder; empty when it is the path itself.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(folder)? {
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    }
}

/// The first `depth` parts of a path, if it has that many.
fn nth_parent(path: &str, depth: usize) -> Option<&str> {
    let mut end = 0;
    for part in 0..depth {
        if part > 0 {
            if end >= path.len() {
                return None;
            }
            end += 1;
        }
        end += path[end..].find('/').unwrap_or(path.len() - end);
    }
    Some(&path[..end])
}
