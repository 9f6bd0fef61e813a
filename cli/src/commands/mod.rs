//! The commands that are one call into another crate.

pub(crate) mod api;
mod chores;
mod databases;
pub(crate) mod events;
pub(crate) mod images;
pub(crate) mod labs;
pub(crate) mod migrate;
pub(crate) mod projections;
pub(crate) mod runner;
pub(crate) mod sandboxes;
