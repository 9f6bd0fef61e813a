//! Other people's labs, made into ours.
//!
//! [`import`] takes the files of a Killercoda or Katacoda scenario (`index.json`, texts, scripts, assets), or of a lab of
//! the original ContainrLab (a README, starter files, a judge's module), and gives the files of a lab with a report of
//! what was changed on the way and what could not come along. It reads no disk: files in, files out.

mod draft;
mod marks;
mod original;
mod scenario;

use serde::Serialize;

use super::LabFiles;
use crate::ids::LabSlug;

/// A lab made of something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The lab's files.
    pub files: LabFiles,
    /// What became of what.
    pub report: ImportReport,
}

/// What became of each part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportReport {
    /// What it was made of.
    pub source: ImportSource,
    /// In the order of the source.
    pub notes: Vec<ImportNote>,
}

/// A layout that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportSource {
    /// Killercoda's, and Katacoda's before it.
    Scenario,
    /// The original ContainrLab's.
    Original,
}

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportNote {
    /// How it fared.
    pub kind: ImportKind,
    /// The file, or the key of `index.json`.
    pub place: String,
    /// What became of it, in a sentence.
    pub what: String,
}

/// How a part fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// It came along, but not as it was.
    Changed,
    /// The lab needs it and the source has none: something stands there for the author to replace.
    Added,
    /// It could not come along.
    LeftOut,
}

/// Why nothing could be made of a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is neither of the layouts.
    #[error(
        "the folder has neither an index.json (a scenario) nor a README.md or description.md (a lab of the original)"
    )]
    UnknownLayout,
    /// It holds several scenarios.
    #[error("the folder is a course; name one of its scenarios: {}", .0.join(", "))]
    Course(Vec<String>),
    /// `index.json` can't be read.
    #[error("index.json: {0}")]
    Index(String),
    /// A scenario without steps teaches nothing.
    #[error("index.json: details.steps names no step")]
    NoSteps,
}

/// Makes a lab. `order` is its place in the list of labs.
///
/// # Errors
/// When the folder is none of the layouts that can be read.
pub fn import(slug: &LabSlug, files: &LabFiles, order: u32) -> Result<Imported, ImportError> {
    if files.contains_key("index.json") {
        return scenario::import(files, order);
    }
    let scenarios: Vec<String> =
        files.keys().filter_map(|path| path.strip_suffix("/index.json")).map(str::to_owned).collect();
    if !scenarios.is_empty() {
        return Err(ImportError::Course(scenarios));
    }
    original::import(slug, files, order).ok_or(ImportError::UnknownLayout)
}

#[cfg(test)]
mod tests;
