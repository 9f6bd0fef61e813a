//! Processes of this machine: to start them, to know them again, to stop them.

mod identity;
mod launch;
mod pid_file;
mod running;
pub(crate) mod signals;

pub(crate) use identity::Identity;
pub(crate) use launch::{Launch, User};
pub(crate) use pid_file::PidFile;
pub(crate) use running::Running;
