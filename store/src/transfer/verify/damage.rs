//! What can be wrong with a ledger.

use std::fmt;

use containrlab_domain::ids::{LabSlug, LabVersion};

/// Something that is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Events are missing from a stream.
    Gap {
        /// Which stream, as `type id`.
        stream: String,
        /// The sequence that should be there.
        expected: i64,
        /// The one that is there.
        found: i64,
    },
    /// An event of a type that this program doesn't know.
    UnknownType {
        /// Which event, as `type id #sequence`.
        event: String,
        /// What it says that it is.
        event_type: String,
    },
    /// An event that can't be read.
    Unreadable {
        /// Which event.
        event: String,
        /// Why not.
        why: String,
    },
    /// A file's bytes are not there.
    MissingBlob {
        /// Its hash.
        hash: String,
        /// The event, tree or version of a lab that names it.
        named_by: String,
    },
    /// A frozen workspace is not there.
    MissingTree {
        /// Its hash.
        hash: String,
        /// The event that names it.
        named_by: String,
    },
    /// A blob whose bytes have another hash or size than it says.
    WrongBlob {
        /// The hash that it should have.
        hash: String,
    },
    /// A tree whose files have another hash than it says.
    WrongTree {
        /// The hash that it should have.
        hash: String,
    },
    /// A version of a lab whose files have another hash than it says.
    WrongLab {
        /// Which lab.
        slug: LabSlug,
        /// The version that its files should be.
        version: LabVersion,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { stream, expected, found } => {
                write!(f, "gap: {stream} has event {found} where {expected} should be")
            }
            Self::UnknownType { event, event_type } => write!(f, "unknown type: {event} is a {event_type}"),
            Self::Unreadable { event, why } => write!(f, "unreadable: {event}: {why}"),
            Self::MissingBlob { hash, named_by } => write!(f, "missing blob: {hash}, named by {named_by}"),
            Self::MissingTree { hash, named_by } => write!(f, "missing tree: {hash}, named by {named_by}"),
            Self::WrongBlob { hash } => write!(f, "wrong hash: the bytes of blob {hash} are others"),
            Self::WrongTree { hash } => write!(f, "wrong hash: the files of tree {hash} are others"),
            Self::WrongLab { slug, version } => {
                write!(f, "wrong hash: the files of lab {slug} in version {version} are others")
            }
        }
    }
}
