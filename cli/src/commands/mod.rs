//! The commands that are one call into another crate.

pub(crate) mod api;
pub(crate) mod attempts;
mod chores;
pub(crate) mod context;
mod databases;
pub(crate) mod dockerfile;
pub(crate) mod events;
pub(crate) mod excerpt;
pub(crate) mod images;
pub(crate) mod jobs;
pub(crate) mod lab;
pub(crate) mod labs;
pub(crate) mod migrate;
pub(crate) mod projections;
pub(crate) mod runner;
pub(crate) mod sandboxes;

/// A report as JSON for programs.
fn json(report: &impl serde::Serialize) -> Result<String, crate::failure::Failure> {
    serde_json::to_string_pretty(report).map_err(|error| {
        crate::failure::Failure::Plain(format!("The report can't be written as JSON: {error}."))
    })
}
