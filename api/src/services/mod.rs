//! Use cases. A page and its API route call the same function here, so that they cannot come to differ.

pub(crate) mod access;
pub(crate) mod files;
pub(crate) mod hints;
pub(crate) mod jobs;
pub(crate) mod lifecycle;
pub(crate) mod live_log;
pub(crate) mod reads;
pub(crate) mod runner;
pub(crate) mod solution;
pub(crate) mod start_lab;
pub(crate) mod submit;
