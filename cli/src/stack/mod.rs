//! The whole system on one machine: brought up, watched over, taken down, removed.

mod clean;
mod down;
mod engine_used;
mod mounts;
mod private;
mod system;
mod up;
mod watch;

pub(crate) use clean::{clean, remove};
pub(crate) use down::{down, stop_all};
pub(crate) use private::{Databases, start_databases};
pub(crate) use system::System;
pub(crate) use up::{find_running, start, up};
