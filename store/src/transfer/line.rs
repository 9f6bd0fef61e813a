//! The lines of an exported ledger.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use containrlab_domain::ids::{BlobHash, LabSlug, LabVersion, TreeHash};
use containrlab_domain::workspace::Tree;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::Moved;

/// The form of the lines; raised when an older program could not read them.
pub(super) const FORMAT: u32 = 2;

/// The form before, which knew no labs.
pub(super) const FORMAT_WITHOUT_LABS: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first.
    Ledger { format: u32 },
    /// A file's content.
    Blob {
        hash: BlobHash,
        #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
        bytes: Vec<u8>,
    },
    /// A frozen workspace.
    Tree { hash: TreeHash, manifest: Tree },
    /// A version of a lab: the hashes of its files, by path.
    Lab {
        slug: LabSlug,
        version: LabVersion,
        files: BTreeMap<String, BlobHash>,
        /// Since when it was kept; older files do not say so.
        #[serde(default)]
        kept_at: Option<Timestamp>,
    },
    /// An event as it was written.
    Event(EventLine),
    /// The last.
    End(Moved),
}

/// A row of `events`, but for the transaction that wrote it, which means nothing elsewhere.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventLine {
    pub(super) position: i64,
    pub(super) aggregate_type: String,
    pub(super) aggregate_id: Uuid,
    pub(super) sequence: i64,
    pub(super) event_type: String,
    pub(super) event_version: String,
    pub(super) payload: Value,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) session_id: Option<Uuid>,
    pub(super) recorded_at: Timestamp,
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(text).map_err(serde::de::Error::custom)
}
