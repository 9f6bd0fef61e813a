//! What is judged: the files of an attempt, read once for all checks.

use crate::context::{BuildContext, DockerIgnore};
use crate::dockerfile::{Dockerfile, LineSpan, Severity, StageGraph};
use crate::judge::{DOCKERFILE, DOCKERIGNORE};
use crate::lab::LabFiles;
use crate::verdict::{Finding, Place};

/// The files of an attempt with what can be read from them.
#[derive(Debug)]
pub struct Subject<'a> {
    /// All files of the workspace.
    pub files: &'a LabFiles,
    /// The stages, when there is a Dockerfile.
    pub graph: Option<StageGraph<'a>>,
    /// The build context, `.dockerignore` applied.
    pub context: BuildContext,
    /// The paths that `COPY` and `ADD` can take.
    pub copyable: Vec<String>,
}

impl<'a> Subject<'a> {
    /// Reads the Dockerfile of these files, if they have one; hand it to [`Subject::new`].
    pub fn dockerfile(files: &LabFiles) -> Option<Dockerfile> {
        files.get(DOCKERFILE).map(|bytes| Dockerfile::parse(bytes))
    }

    /// Puts together what the checks look at.
    pub fn new(files: &'a LabFiles, dockerfile: Option<&'a Dockerfile>) -> Self {
        let ignore = files.get(DOCKERIGNORE).map(|bytes| DockerIgnore::read(bytes)).unwrap_or_default();
        let context = BuildContext::new(ignore, DOCKERFILE);
        let copyable = files.keys().filter(|path| context.includes(path)).cloned().collect();
        Self { files, graph: dockerfile.map(StageGraph::new), context, copyable }
    }

    /// Why no build can start: there is no Dockerfile, or it can't be read.
    pub fn dockerfile_fault(&self) -> Option<Finding> {
        let Some(graph) = &self.graph else {
            let mut finding = Finding::new("dockerfile_missing", "There is no Dockerfile in the workspace.");
            finding.hint =
                "Create a file called Dockerfile, with a capital D and no ending, beside the app.".to_owned();
            finding.why = Some("docker build reads its recipe from that file.".to_owned());
            let misnamed = self
                .files
                .keys()
                .find(|path| !path.contains('/') && path.to_ascii_lowercase().starts_with("dockerfile"));
            if let Some(path) = misnamed {
                finding.message = format!("There is no Dockerfile in the workspace; there is {path}.");
                finding.hint = format!("Rename {path} to Dockerfile: the name's spelling counts.");
            }
            return Some(finding);
        };
        let diagnostics = graph.file.diagnostics.iter().chain(&graph.diagnostics);
        let errors: Vec<_> = diagnostics.filter(|d| d.severity == Severity::Error).collect();
        let first = errors.first()?;
        let mut finding = Finding::new("dockerfile_invalid", first.message.clone());
        if let [_, rest @ ..] = errors.as_slice()
            && !rest.is_empty()
        {
            let lines: Vec<String> =
                rest.iter().take(5).map(|d| format!("line {}: {}", d.line, d.message)).collect();
            finding.message = format!("{} Further: {}", first.message, lines.join(" "));
        }
        finding.hint = match &first.suggestion {
            Some(suggestion) => format!("Perhaps you meant: {suggestion}"),
            None => "Look at this line again: the build stops here.".to_owned(),
        };
        finding.why = Some(
            "Docker reads the whole Dockerfile before the first step, and refuses all of it.".to_owned(),
        );
        finding.place = Some(self.place(LineSpan { first: first.line, last: first.end_line }));
        Some(finding)
    }

    /// A place in the Dockerfile, with its text.
    pub fn place(&self, span: LineSpan) -> Place {
        let excerpt =
            self.graph.as_ref().map(|graph| graph.file.excerpt(span)).filter(|text| !text.is_empty());
        Place {
            file: DOCKERFILE.to_owned(),
            line: Some(span.first),
            end_line: (span.last > span.first).then_some(span.last),
            excerpt,
        }
    }
}
