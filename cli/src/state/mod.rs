//! What an installation keeps on disk, beneath one state folder.
//!
//! ```text
//! .containrlab/
//!   installation.json   its name, and the ports and networks chosen once
//!   secrets/            passwords and keys, made once, readable by their owner alone
//!   postgres/ redis/    data of the private services
//!   docker/             data of the private Docker engine
//!   runner/             what the runner keeps: volumes, golden images
//!   logs/ run/          output and pid files
//! ```
//!
//! **Architecture invariant:** nothing outside this folder is made except what `installation.json` records, so that
//! `clean` can remove all of it.

mod folder;
mod installation;
mod reach;
mod secrets;

pub(crate) use folder::{Lock, StateDir};
pub(crate) use installation::{Installation, Remembered};
pub(crate) use secrets::Secret;
