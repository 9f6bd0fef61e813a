//! The commands that are one call into another crate.

pub(crate) mod api;
mod chores;
pub(crate) mod images;
pub(crate) mod labs;
pub(crate) mod migrate;
pub(crate) mod runner;
pub(crate) mod sandboxes;
