//! Labs: what a learner is asked to do, as a folder of files.
//!
//! A lab is `lab.toml`, `description.md`, `starter/` (what a session begins with), `solution/` (an overlay on the
//! starter), and `wrong/<name>/` (an overlay on the solution with an `expect.toml` that names the codes it must fail with). `labs/README.md` tells
//! authors how to write one. [`Lab::parse`] reads all of it and tells every problem at once, with line and suggestion.

pub mod import;
mod manifest;
mod markdown;
mod nearest;
mod parse;
mod problem;
mod reference;
mod schema;
mod table;

pub use manifest::{Hint, Level, Limits, TextStep, WrongAnswer};
pub use nearest::nearest;
pub use problem::LabProblem;
pub use reference::checks_reference;
pub use schema::{expectation_schema, manifest_schema};
pub(crate) use table::{TableReader, field_names};

use std::collections::BTreeMap;

use crate::ids::{LabSlug, LabVersion};
use crate::judge::Check;

/// Files by path: written with `/`, relative, sorted. A lab's folder, or a workspace.
pub type LabFiles = BTreeMap<String, Vec<u8>>;

/// A lab, read and checked.
#[derive(Debug, Clone)]
pub struct Lab {
    /// Its name in addresses: the name of its folder.
    pub slug: LabSlug,
    /// The hash of its files.
    pub version: LabVersion,
    /// What it is called.
    pub title: String,
    /// What it is about, in a sentence or two.
    pub summary: String,
    /// How much it presumes.
    pub level: Level,
    /// How long it takes most people, in minutes.
    pub minutes: u32,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Its place in the list: lower comes first.
    pub order: u32,
    /// Labs that are better done before.
    pub prerequisites: Vec<LabSlug>,
    /// The images that its builds start from; they lie ready in every sandbox.
    pub images: Vec<String>,
    /// What a judgement of it may take.
    pub limits: Limits,
    /// What it is about, in Markdown, for the lab's page.
    pub description: String,
    /// The text beside the terminal, in steps.
    pub steps: Vec<TextStep>,
    /// Hints, weakest first.
    pub hints: Vec<Hint>,
    /// What the judge asks of an attempt, in the order shown.
    pub checks: Vec<Check>,
    /// What a workspace starts with.
    pub starter: LabFiles,
    /// A workspace that passes: the starter with the files of `solution/` on it.
    pub solution: LabFiles,
    /// The files beneath `checks/`, by their path from there on: scripts of the lab's own checks.
    pub scripts: LabFiles,
    /// Workspaces that do not, and what the judge must say about each.
    pub wrong: Vec<WrongAnswer>,
}

impl Lab {
    /// Reads a lab from its files, whose paths are relative to the lab's folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, not only the first thing.
    pub fn parse(slug: LabSlug, files: LabFiles) -> Result<Self, Vec<LabProblem>> {
        parse::parse(slug, files)
    }

    /// The version of a lab with these files: SHA-256 over paths and contents in order. Two labs have the same
    /// version only when they hold the same files.
    pub fn version_of(files: &LabFiles) -> LabVersion {
        let mut bytes = b"containrlab lab 1\n".to_vec();
        for (path, content) in files {
            // Lengths go first, so that no content can pass for another file's path.
            bytes.extend_from_slice(format!("{} {} ", path.len(), content.len()).as_bytes());
            bytes.extend_from_slice(path.as_bytes());
            bytes.extend_from_slice(content);
        }
        LabVersion::of(&bytes)
    }

    /// Whether a check of it looks at the learner's own engine, so that somebody has to look when they submit.
    pub fn looks_at_session(&self) -> bool {
        self.checks.iter().any(|check| {
            use crate::judge::CheckKind::{SessionContainer, SessionImage, SessionNetwork, SessionVolume};
            matches!(check.kind, SessionContainer(_) | SessionImage(_) | SessionNetwork(_) | SessionVolume(_))
        })
    }

    /// The check with this id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// The hints for a check, weakest first; those that speak about the whole lab for `None`.
    pub fn hints_for<'l>(&'l self, check: Option<&'l str>) -> impl Iterator<Item = &'l Hint> {
        self.hints.iter().filter(move |hint| hint.check.as_deref() == check)
    }
}

#[cfg(test)]
mod tests;
