//! Dockerfiles, read as BuildKit reads them.
//!
//! [`Dockerfile::parse`] cuts a file into instructions with their lines: byte order mark, CRLF, comments, line
//! continuations, the `escape` directive, flags, JSON forms and here-documents. It never fails: what it cannot read
//! becomes a [`Diagnostic`], and the rest is read all the same, so that a judge can speak about every fault at once.
//! [`StageGraph`] then resolves what the instructions mean together: stages, their bases with `ARG` defaults filled
//! in, and what one stage takes from another.
//!
//! Why not a crate: `parse-dockerfile` knows a here-document only as the first word of a `RUN` and stops at the first
//! fault, so valid files such as `RUN cat <<EOF > /etc/motd` would be called broken. The tests hold this reader
//! against it where both speak the same language.

mod diagnostic;
mod effect;
mod graph;
mod image_name;
mod instruction;
mod layout;
mod lines;
mod mount;
mod scope;
pub mod shell;
mod variables;

pub use diagnostic::{Diagnostic, Severity};
pub use effect::{Effect, Effects};
pub use graph::{Base, Edge, EdgeKind, EdgeSource, Stage, StageGraph, Step};
pub use image_name::ImageName;
pub use instruction::{Command, Flag, Instruction, InstructionKind, Transfer};
pub use layout::{Layout, Origin};
pub use lines::{HereDoc, LineSpan};
pub(crate) use mount::mounts;
pub use scope::Scope;
pub use variables::expand;
pub(crate) use variables::matches;

use lines::Reader;

/// A Dockerfile: its instructions in order, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// The file's lines without their ends, for excerpts.
    pub lines: Vec<String>,
    /// The character that continues a line: `\`, or `` ` `` by the `escape` directive.
    pub escape: char,
    /// The `syntax` directive: the frontend image that the file asks for.
    pub syntax: Option<String>,
    /// All instructions, in order.
    pub instructions: Vec<Instruction>,
    /// What is wrong or doubtful, by line.
    pub diagnostics: Vec<Diagnostic>,
}

impl Dockerfile {
    /// Reads a Dockerfile. Never fails and never panics, whatever the bytes are.
    ///
    /// ```
    /// use containrlab_domain::dockerfile::Dockerfile;
    ///
    /// let file = Dockerfile::parse(b"FROM alpine\nRUN cat <<EOF > /etc/motd\nhello\nEOF\nUSER nobody\n");
    /// let lines: Vec<_> = file.instructions.iter().map(|i| (i.keyword.as_str(), i.span.first)).collect();
    /// assert_eq!(lines, [("FROM", 1), ("RUN", 2), ("USER", 5)]);
    /// assert!(file.diagnostics.is_empty());
    /// ```
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let mut instructions = Vec::new();
        let mut diagnostics = Vec::new();
        while let Some(line) = reader.next_line(&mut diagnostics) {
            instructions.push(Instruction::read(line, reader.escape(), &mut diagnostics));
        }
        // One sentence in place of one for each line that is no UTF-8.
        if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            instructions.clear();
            diagnostics = vec![
                Diagnostic::error("utf16", 1, "The file is saved as UTF-16; a build reads UTF-8 only.")
                    .suggest("save the file as UTF-8"),
            ];
        }
        diagnostic::check_order(&instructions, reader.line_count(), &mut diagnostics);
        diagnostics.sort_by_key(|d| (d.line, d.severity));
        Self {
            escape: reader.escape(),
            syntax: reader.syntax().map(str::to_owned),
            lines: reader.into_lines(),
            instructions,
            diagnostics,
        }
    }

    /// Whether a build of it would be refused before the first step.
    pub fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// The text of these lines, for an excerpt; empty when they lie outside of the file.
    pub fn excerpt(&self, span: LineSpan) -> String {
        let first = (span.first.max(1) - 1) as usize;
        let last = (span.last as usize).min(self.lines.len());
        self.lines.get(first..last).unwrap_or_default().join("\n")
    }

    /// Line and column, both from 1 (the column in characters), of a byte offset within these lines joined by `\n`.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let mut rest = offset;
        for (number, line) in (1..).zip(&self.lines) {
            if rest <= line.len() {
                let column = line.char_indices().take_while(|(at, _)| *at < rest).count();
                return (number, column as u32 + 1);
            }
            rest -= line.len() + 1;
        }
        (self.lines.len().max(1) as u32, 1)
    }
}

#[cfg(test)]
mod tests;
