//! `containrlab dockerfile`.

use std::path::PathBuf;

use containrlab_domain::dockerfile::{
    Base, Diagnostic, Dockerfile, Edge, EdgeKind, EdgeSource, Instruction, LineSpan, Severity, StageGraph,
};
use serde::Serialize;

use super::context::read;
use super::excerpt::{Message, plain};
use crate::failure::Failure;

/// What to do with Dockerfiles.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DockerfileCommand {
    /// Show its stages, what they start from and what they take from one another, and what is wrong with it
    ///
    /// Ends with 1 when a build would be refused.
    Graph {
        /// The Dockerfile
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Report<'f> {
    syntax: Option<&'f str>,
    escape: char,
    before_first_stage: Vec<&'f Instruction>,
    stages: Vec<StageReport<'f>>,
    /// The stages that a build of the last one needs.
    needed: Vec<usize>,
    diagnostics: Vec<&'f Diagnostic>,
}

#[derive(Serialize)]
struct StageReport<'f> {
    index: usize,
    name: Option<&'f str>,
    base: &'f Base,
    span: LineSpan,
    instructions: Vec<&'f Instruction>,
    edges: &'f [Edge],
}

/// Reads it and says what it means.
pub(crate) fn run(command: &DockerfileCommand) -> Result<u8, Failure> {
    let DockerfileCommand::Graph { file: path, json } = command;
    let file = Dockerfile::parse(&read(path)?);
    let graph = StageGraph::new(&file);
    let report = Report::new(&file, &graph);
    if *json {
        println!("{}", super::json(&report)?);
    } else {
        for stage in &report.stages {
            print_stage(stage);
        }
        for diagnostic in &report.diagnostics {
            let span = LineSpan { first: diagnostic.line, last: diagnostic.end_line };
            let message = Message {
                kind: if diagnostic.severity == Severity::Error { "error" } else { "warning" },
                code: Some(&diagnostic.code),
                what: &diagnostic.message,
                file: Some(path.display().to_string()),
                first: Some(span.first),
                last: Some(span.last),
                excerpt: Some(&file.excerpt(span)),
                notes: diagnostic.suggestion.iter().map(|text| ("perhaps", text.as_str())).collect(),
            };
            println!("{message}");
        }
    }
    Ok(u8::from(report.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)))
}

impl<'f> Report<'f> {
    fn new(file: &'f Dockerfile, graph: &'f StageGraph<'f>) -> Self {
        let first_stage = graph.stages.first().map_or(u32::MAX, |stage| stage.span.first);
        let mut diagnostics: Vec<_> = file.diagnostics.iter().chain(&graph.diagnostics).collect();
        diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.severity));
        let stages = graph.stages.iter().map(|stage| StageReport {
            index: stage.index,
            name: stage.name.as_deref(),
            base: &stage.base,
            span: stage.span,
            instructions: stage.steps.iter().map(|step| step.instruction).collect(),
            edges: &stage.edges,
        });
        Self {
            syntax: file.syntax.as_deref(),
            escape: file.escape,
            before_first_stage: file.instructions.iter().filter(|i| i.span.first < first_stage).collect(),
            stages: stages.collect(),
            needed: graph.needed(),
            diagnostics,
        }
    }
}

fn print_stage(stage: &StageReport<'_>) {
    let name = stage.name.map(|name| format!(" {}", plain(name))).unwrap_or_default();
    let base = match stage.base {
        Base::Stage(index) => format!("stage {index}"),
        Base::Image(image) => plain(image),
        Base::Scratch => "scratch".to_owned(),
        Base::Unknown => "an image whose name is not known".to_owned(),
    };
    println!("stage {}{name} from {base} (line {})", stage.index, lines(stage.span));
    for instruction in &stage.instructions {
        let text = plain(instruction.text.lines().next().unwrap_or_default());
        println!("  {:>7}  {} {text}", lines(instruction.span), plain(&instruction.keyword));
    }
    for edge in stage.edges {
        let verb = if edge.kind == EdgeKind::Copy { "copies" } else { "mounts" };
        let source = match &edge.source {
            EdgeSource::Stage(index) => format!("stage {index}"),
            EdgeSource::Image(image) => plain(image),
        };
        let paths = plain(&edge.paths.join(" "));
        println!("  {verb} {paths} of {source} to {} (line {})", plain(&edge.destination), lines(edge.span));
    }
}

fn lines(span: LineSpan) -> String {
    if span.first == span.last { span.first.to_string() } else { format!("{}-{}", span.first, span.last) }
}
