//! What is wrong with a Dockerfile as a text, before anything is built.

use std::borrow::Cow;

use serde::Serialize;

use super::instruction::{Instruction, InstructionKind};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A build would be refused.
    Error,
    /// A build goes on, but hardly means what was written.
    Warning,
}

/// One fault of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name, such as `unknown_instruction`.
    pub code: Cow<'static, str>,
    /// First line concerned, counted from 1.
    pub line: u32,
    /// Last line concerned.
    pub end_line: u32,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to write instead, when that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Diagnostic {
    pub(super) fn error(code: &'static str, line: u32, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: Cow::Borrowed(code),
            line,
            end_line: line,
            message: message.into(),
            suggestion: None,
        }
    }

    pub(super) fn warning(code: &'static str, line: u32, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, line, message) }
    }

    pub(super) fn up_to(self, end_line: u32) -> Self {
        Self { end_line, ..self }
    }

    pub(super) fn suggest(self, suggestion: impl Into<String>) -> Self {
        Self { suggestion: Some(suggestion.into()), ..self }
    }
}

/// Finds a missing `FROM` and what stands before the first one.
pub(super) fn check_order(instructions: &[Instruction], line_count: u32, out: &mut Vec<Diagnostic>) {
    if instructions.is_empty() {
        if !out.iter().any(|d| d.severity == Severity::Error) {
            out.push(
                Diagnostic::error("empty", line_count.max(1), "The Dockerfile holds no instruction.")
                    .suggest("FROM <image>"),
            );
        }
        return;
    }
    let is_from = |i: &Instruction| matches!(i.kind, InstructionKind::From { .. });
    let before = instructions.iter().take_while(|i| !is_from(i));
    if let Some(early) =
        before.clone().find(|i| !matches!(i.kind, InstructionKind::Arg(_) | InstructionKind::Unknown))
    {
        out.push(
            Diagnostic::error(
                "before_from",
                early.span.first,
                format!("{} stands before the first FROM; only ARG may.", early.keyword),
            )
            .up_to(early.span.last),
        );
    } else if before.count() == instructions.len() {
        out.push(
            Diagnostic::error("no_from", 1, "The Dockerfile has no FROM: it names no image to start from.")
                .suggest("FROM <image>"),
        );
    }
}
