//! Stages and what they take from one another.

use std::collections::HashMap;

use serde::Serialize;

use super::Dockerfile;
use super::diagnostic::Diagnostic;
use super::instruction::{Instruction, InstructionKind};
use super::lines::LineSpan;
use super::mount::mounts;
use super::scope::{Definition, Scope};
use super::variables::expand;

/// Longer chains of `FROM <stage>` are cut here.
const MAX_CHAIN: usize = 256;

/// Steps that `ONBUILD` adds to all stages together; beyond this no more are followed.
const MAX_TRIGGERED: usize = 10_000;

/// All stages of a Dockerfile, with names, bases and copies resolved.
#[derive(Debug)]
pub struct StageGraph<'f> {
    /// The file that it was made from.
    pub file: &'f Dockerfile,
    /// The stages in order; the last one becomes the image.
    pub stages: Vec<Stage<'f>>,
    /// What only shows when instructions are held together: a stage that is not there, a name given twice.
    pub diagnostics: Vec<Diagnostic>,
}

/// One stage: from its `FROM` to the next.
#[derive(Debug)]
pub struct Stage<'f> {
    /// Its number, counted from 0.
    pub index: usize,
    /// Its name in lower case, when `AS` gives one.
    pub name: Option<String>,
    /// What it starts from.
    pub base: Base,
    /// The lines of its `FROM`.
    pub span: LineSpan,
    /// Its instructions after `FROM`; before them those that the `ONBUILD` of the stage that it starts from adds.
    pub steps: Vec<Step<'f>>,
    /// What it takes from other stages and images.
    pub edges: Vec<Edge>,
    pub(super) definitions: HashMap<String, Vec<Definition>>,
}

/// An instruction within a stage.
#[derive(Debug, Clone, Copy)]
pub struct Step<'f> {
    /// Its number within the stage, counted from 0, `FROM` not included.
    pub index: usize,
    /// The instruction; one that an `ONBUILD` added has the lines of that `ONBUILD`.
    pub instruction: &'f Instruction,
}

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// An earlier stage.
    Stage(usize),
    /// An image, variables filled in.
    Image(String),
    /// Nothing.
    Scratch,
    /// Its name comes to nothing, because an `ARG` has no default.
    Unknown,
}

/// Something that a stage takes from elsewhere than its base and the build context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Copied for good, or only mounted during one `RUN`.
    pub kind: EdgeKind,
    /// Where it comes from.
    pub source: EdgeSource,
    /// Which paths there, variables filled in.
    pub paths: Vec<String>,
    /// Where to, variables filled in.
    pub destination: String,
    /// The number of the step that takes it.
    pub step: usize,
    /// The lines of that step.
    pub span: LineSpan,
}

/// How a stage takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// `COPY --from`.
    Copy,
    /// `RUN --mount=type=bind,from=…`.
    Mount,
}

/// Where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeSource {
    /// Another stage of the file.
    Stage(usize),
    /// An image, or a context that the build is given by name.
    Image(String),
}

impl<'f> StageGraph<'f> {
    /// Resolves a Dockerfile. Never fails: what can't be resolved is told in `diagnostics`.
    ///
    /// ```
    /// use containrlab_domain::dockerfile::{Base, Dockerfile, EdgeSource, StageGraph};
    ///
    /// let file = Dockerfile::parse(b"ARG V=3.13\nFROM python:${V} AS build\nFROM python:${V}-slim\nCOPY --from=0 /w /w\n");
    /// let graph = StageGraph::new(&file);
    /// assert_eq!(graph.stages[1].base, Base::Image("python:3.13-slim".into()));
    /// assert_eq!(graph.stages[1].edges[0].source, EdgeSource::Stage(0));
    /// ```
    pub fn new(file: &'f Dockerfile) -> Self {
        let mut graph = Self { file, stages: Vec::new(), diagnostics: Vec::new() };
        let mut globals: HashMap<String, String> = ["BUILDPLATFORM", "TARGETPLATFORM"]
            .map(|name| (name.to_owned(), "linux/amd64".to_owned()))
            .into_iter()
            .chain(
                [
                    ("BUILDOS", "linux"),
                    ("TARGETOS", "linux"),
                    ("BUILDARCH", "amd64"),
                    ("TARGETARCH", "amd64"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
            )
            .collect();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let mut room = MAX_TRIGGERED;
        for instruction in &file.instructions {
            match &instruction.kind {
                InstructionKind::From { image, name } => {
                    let base = graph.base(image, instruction.span, &globals, &by_name);
                    let index = graph.stages.len();
                    if let Some(name) = name
                        && let Some(before) = by_name.insert(name.clone(), index)
                    {
                        graph.diagnostics.push(Diagnostic::warning(
                            "stage_name_twice",
                            instruction.span.first,
                            format!("Stage {before} and stage {index} are both called {name}; the name means the later one."),
                        ));
                    }
                    graph.stages.push(Stage {
                        index,
                        name: name.clone(),
                        base,
                        span: instruction.span,
                        steps: Vec::new(),
                        edges: Vec::new(),
                        definitions: HashMap::new(),
                    });
                    graph.add_triggered(&globals, &mut room);
                }
                InstructionKind::Arg(pairs) if graph.stages.is_empty() => {
                    for (name, value) in pairs {
                        let Some(value) = value else { continue };
                        let value = expand(value, file.escape, &|name| globals.get(name).cloned());
                        globals.insert(name.clone(), value);
                    }
                }
                _ if graph.stages.is_empty() => {}
                _ => graph.add_step(instruction, &globals),
            }
        }
        graph.connect(&by_name);
        graph
    }

    fn base(
        &mut self,
        image: &str,
        span: LineSpan,
        globals: &HashMap<String, String>,
        by_name: &HashMap<String, usize>,
    ) -> Base {
        let image = expand(image, self.file.escape, &|name| globals.get(name).cloned());
        if image.is_empty() {
            self.diagnostics.push(Diagnostic::error(
                "base_is_empty",
                span.first,
                "FROM comes to nothing: the ARG that it names has no default before the first FROM.",
            ));
            Base::Unknown
        } else if let Some(stage) = by_name.get(&image.to_ascii_lowercase()) {
            Base::Stage(*stage)
        } else if image == "scratch" {
            Base::Scratch
        } else {
            Base::Image(image)
        }
    }

    /// A build carries out what the `ONBUILD` lines of the base say, before the stage's own steps. They fire once: a
    /// stage on top of this one does not see them again.
    fn add_triggered(&mut self, globals: &HashMap<String, String>, room: &mut usize) {
        let Some(Base::Stage(base)) = self.stages.last().map(|stage| stage.base.clone()) else { return };
        let triggered: Vec<&'f Instruction> = self.stages[base]
            .steps
            .iter()
            .filter_map(|step| match &step.instruction.kind {
                InstructionKind::Onbuild(inner) => Some(&**inner),
                _ => None,
            })
            .take(*room)
            .collect();
        *room -= triggered.len();
        for instruction in triggered {
            self.add_step(instruction, globals);
        }
    }

    fn add_step(&mut self, instruction: &'f Instruction, globals: &HashMap<String, String>) {
        let Some(stage) = self.stages.len().checked_sub(1) else { return };
        let step = self.stages[stage].steps.len();
        let defined: Vec<(String, String, bool)> = match &instruction.kind {
            InstructionKind::Env(pairs) => {
                let scope = self.scope(stage, step);
                pairs.iter().map(|(name, value)| (scope.expand(name), scope.expand(value), true)).collect()
            }
            InstructionKind::Arg(pairs) => {
                let mut found = Vec::new();
                for (name, value) in pairs {
                    let value = match value {
                        Some(value) => Some(self.scope(stage, step).expand(value)),
                        None => globals.get(name).cloned(),
                    };
                    found.extend(value.map(|value| (name.clone(), value, false)));
                }
                found
            }
            _ => Vec::new(),
        };
        let stage = &mut self.stages[stage];
        for (name, value, is_env) in defined {
            stage.definitions.entry(name).or_default().push(Definition { step, is_env, value });
        }
        stage.steps.push(Step { index: step, instruction });
    }

    fn connect(&mut self, by_name: &HashMap<String, usize>) {
        for stage in 0..self.stages.len() {
            let mut edges = Vec::new();
            for step in &self.stages[stage].steps {
                let scope = self.scope(stage, step.index);
                let (span, index) = (step.instruction.span, step.index);
                match &step.instruction.kind {
                    InstructionKind::Copy(transfer) => {
                        let Some(from) = step.instruction.flag("from") else { continue };
                        edges.push((
                            from.to_owned(),
                            Edge {
                                kind: EdgeKind::Copy,
                                source: EdgeSource::Image(from.to_owned()),
                                paths: transfer.sources.iter().map(|path| scope.expand(path)).collect(),
                                destination: scope.expand(&transfer.destination),
                                step: index,
                                span,
                            },
                        ));
                    }
                    InstructionKind::Run(_) => {
                        for mount in mounts(step.instruction) {
                            let Some(from) = mount.get("from") else { continue };
                            if mount.kind() != "bind" {
                                continue;
                            }
                            edges.push((
                                from.to_owned(),
                                Edge {
                                    kind: EdgeKind::Mount,
                                    source: EdgeSource::Image(from.to_owned()),
                                    paths: vec![scope.expand(mount.source().unwrap_or("/"))],
                                    destination: scope.expand(mount.target().unwrap_or("/")),
                                    step: index,
                                    span,
                                },
                            ));
                        }
                    }
                    _ => {}
                }
            }
            for (from, mut edge) in edges {
                self.resolve(stage, &from, &mut edge, by_name);
                self.stages[stage].edges.push(edge);
            }
        }
    }

    fn resolve(&mut self, stage: usize, from: &str, edge: &mut Edge, by_name: &HashMap<String, usize>) {
        let fault =
            |code, message: String| Diagnostic::error(code, edge.span.first, message).up_to(edge.span.last);
        if from.contains('$') {
            self.diagnostics.push(
                fault(
                    "variable_in_from",
                    format!("A build fills no variable into --from, so {from} names nothing."),
                )
                .suggest("a stage of its own: FROM <image with the variable> AS <name>"),
            );
            return;
        }
        let found = match from.parse::<usize>() {
            Ok(index) if index < self.stages.len() => Some(index),
            Ok(index) => {
                let count = self.stages.len();
                self.diagnostics.push(fault(
                    "no_such_stage",
                    format!("There is no stage {index}: the file has {count}, counted from 0."),
                ));
                return;
            }
            Err(_) => by_name.get(&from.to_ascii_lowercase()).copied(),
        };
        match found {
            Some(found) if found == stage => {
                self.diagnostics.push(fault("copy_from_itself", "A stage can't copy from itself.".to_owned()))
            }
            Some(found) => edge.source = EdgeSource::Stage(found),
            None => {}
        }
    }

    /// The stage that becomes the image.
    pub fn last(&self) -> Option<&Stage<'f>> {
        self.stages.last()
    }

    /// A stage and those that it starts from, nearest first.
    pub fn chain(&self, stage: usize) -> impl Iterator<Item = &Stage<'f>> {
        std::iter::successors(self.stages.get(stage), |stage| match stage.base {
            Base::Stage(base) => self.stages.get(base),
            _ => None,
        })
        .take(MAX_CHAIN)
    }

    /// The stages that a build of the image runs at all: those that the last one needs.
    pub fn needed(&self) -> Vec<usize> {
        let mut found = vec![false; self.stages.len()];
        let mut open: Vec<usize> = self.stages.len().checked_sub(1).into_iter().collect();
        while let Some(index) = open.pop() {
            if std::mem::replace(&mut found[index], true) {
                continue;
            }
            let stage = &self.stages[index];
            if let Base::Stage(base) = stage.base {
                open.push(base);
            }
            open.extend(stage.edges.iter().filter_map(Edge::stage));
        }
        (0..found.len()).filter(|index| found[*index]).collect()
    }

    /// The edges by which other stages' content reaches the image: those of the last stage and of what it starts
    /// from.
    pub fn edges_into_image(&self) -> Vec<(usize, &Edge)> {
        let Some(last) = self.last() else { return Vec::new() };
        self.chain(last.index).flat_map(|stage| stage.edges.iter().map(|edge| (stage.index, edge))).collect()
    }

    /// The variables that a step sees.
    pub fn scope(&self, stage: usize, step: usize) -> Scope<'_, 'f> {
        Scope { graph: self, stage, step }
    }

    /// The steps that shape a stage as it is before one of its steps, last first: its own, then those of what it
    /// starts from. Each with the number of its stage.
    pub fn steps_back(&self, stage: usize, step: usize) -> impl Iterator<Item = (usize, Step<'f>)> {
        self.chain(stage).enumerate().flat_map(move |(depth, stage)| {
            let end = if depth == 0 { step.min(stage.steps.len()) } else { stage.steps.len() };
            stage.steps[..end].iter().rev().map(|step| (stage.index, *step))
        })
    }

    /// The user that a step runs as: the last `USER` before it, `root` when there is none.
    pub fn user(&self, stage: usize, step: usize) -> String {
        let found = self.steps_back(stage, step).find_map(|(stage, step)| match &step.instruction.kind {
            InstructionKind::User(user) => Some(self.scope(stage, step.index).expand(user)),
            _ => None,
        });
        found.unwrap_or_else(|| "root".to_owned())
    }
}

impl Edge {
    /// The stage that it comes from, when it is one.
    pub fn stage(&self) -> Option<usize> {
        match self.source {
            EdgeSource::Stage(stage) => Some(stage),
            EdgeSource::Image(_) => None,
        }
    }
}
