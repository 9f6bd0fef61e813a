//! The live log of builds, runs and judging.

use askama::Template;

/// Lines of the live log. SSE event `log`; **appended**, never replaced: each event carries only lines that come after
/// the cursor in its `id:` (see [`crate::live`]).
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/log.html")]
pub struct LogPartial {
    /// Runs of lines of one job each, in the order to be shown.
    pub chunks: Vec<LogChunk>,
}

impl LogPartial {
    /// The partial of one chunk.
    pub fn of(chunk: LogChunk) -> Self {
        Self { chunks: vec![chunk] }
    }
}

/// Lines of one job that follow one another.
#[derive(Clone, Debug, Default)]
pub struct LogChunk {
    /// The job they belong to.
    pub job_id: String,
    /// Set on a job's first chunk only: "Build", "Run: docker run …", "Judging attempt 3".
    pub heading: Option<String>,
    /// The lines.
    pub lines: Vec<LogLine>,
}

/// A line of a log.
#[derive(Clone, Debug, Default)]
pub struct LogLine {
    /// Where it stands in its job's log: any number that grows from line to line (line number or byte position).
    pub position: u64,
    /// Where it came from.
    pub stream: LogStream,
    /// The line without its line end. ANSI colours are turned into classes, other escapes are dropped.
    pub text: String,
}

impl LogLine {
    fn html(&self) -> String {
        crate::ansi::to_html(&self.text)
    }
}

/// Where a line of a log came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    #[default]
    Out,
    /// Standard error. Not marked as an error: BuildKit writes all its progress there.
    Err,
    /// The platform itself, e.g. "exit code 1", "log cut here: over 1 MiB".
    System,
}

impl LogStream {
    fn class(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::System => "system",
        }
    }
}
