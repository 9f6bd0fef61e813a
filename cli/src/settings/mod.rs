//! Every setting of the system, read in one place.
//!
//! Settings come from the environment and nowhere else. They are read once, when a command starts, and handed on
//! as plain structs; no other module looks at the environment. `docs/settings.md` lists them for people, and a test
//! here keeps that list whole.

pub(crate) mod crates;
mod environment;
mod processes;
pub(crate) mod variables;

pub(crate) use environment::{Environment, SettingError};
pub(crate) use processes::{Docker, Listen, Logging, Stack};
