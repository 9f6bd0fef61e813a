//! What is wrong with a lab, told to its author.

use std::fmt;

use serde::Serialize;

/// One problem of a lab's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabProblem {
    /// The file, relative to the lab's folder.
    pub file: String,
    /// The line, counted from 1, when one can be named.
    pub line: Option<u32>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What was probably meant, or what to do.
    pub suggestion: Option<String>,
}

impl LabProblem {
    pub(super) fn new(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, what: what.into(), suggestion: None }
    }

    pub(super) fn suggest(self, suggestion: Option<String>) -> Self {
        Self { suggestion, ..self }
    }
}

impl fmt::Display for LabProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " ({suggestion})"),
            None => Ok(()),
        }
    }
}
