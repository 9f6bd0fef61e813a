//! The ledger as a file: exported, imported into an empty database, and looked through for damage.
//!
//! A file holds one JSON document a line: a head, all blobs, all trees, all versions of labs, all events in the order of
//! their positions, and an end that says how many of each there were, so that a file that was cut off is not taken for whole. Both ways go line by
//! line, so neither's memory grows with the ledger. What is not derived from events and not named by their hashes
//! (recordings, sign-ins, runners) stays where it is.

mod export;
mod import;
mod line;
mod portions;
mod verify;

use std::fmt;

pub use verify::{Damage, VerifyReport};

/// How many of each were moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Moved {
    /// Contents of files.
    pub blobs: u64,
    /// Frozen workspaces.
    pub trees: u64,
    /// Versions of labs; files from before they were kept have none.
    #[serde(default)]
    pub labs: u64,
    /// Events.
    pub events: u64,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blobs, trees, labs, events } = self;
        write!(f, "{events} events, {blobs} blobs, {trees} trees, {labs} versions of labs")
    }
}
