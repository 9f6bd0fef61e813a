//! Identifiers. Each is a type of its own, so that a session's id cannot be handed in where an attempt's is asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    )*};
}

uuid_ids! {
    /// A person who learns.
    LearnerId;
    /// One learner's time in one lab.
    SessionId;
    /// The files of a session.
    WorkspaceId;
    /// One submission.
    AttemptId;
    /// A piece of work that the ledger owes the queue.
    JobId;
    /// One start of a job: whoever holds the newest lease may record the job's outcome.
    LeaseId;
    /// A host process that holds sandboxes and works off jobs.
    RunnerId;
    /// A sandbox container.
    SandboxId;
    /// A kept output: a terminal's recording or a job's log.
    RecordingId;
    /// One HTTP request, or one round of a background task.
    RequestId;
}

impl WorkspaceId {
    /// The workspace of a session shares its UUID: one session, one workspace, no look-up.
    pub fn of(session: SessionId) -> Self {
        Self(session.0)
    }

    /// The session that this workspace belongs to; the reverse of [`WorkspaceId::of`].
    pub fn session(self) -> SessionId {
        SessionId(self.0)
    }
}

/// Why a text is no valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

/// The name of a lab in addresses: 1 to 64 of `a-z`, `0-9` and `-`, starting and ending with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabSlug(String);

impl LabSlug {
    /// Checks and wraps a slug.
    ///
    /// # Errors
    /// [`InvalidName`] with a sentence that says what a slug may hold.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=64).contains(&text.len())
            && text.chars().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits {
            Ok(Self(text))
        } else {
            Err(InvalidName(
                "a lab's name is 1 to 64 lower-case letters, digits and inner hyphens".to_owned(),
            ))
        }
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LabSlug {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<LabSlug> for String {
    fn from(slug: LabSlug) -> Self {
        slug.0
    }
}

impl fmt::Display for LabSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! hash_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The hash of these bytes.
            pub fn of(bytes: &[u8]) -> Self {
                Self(hex::encode(Sha256::digest(bytes)))
            }

            /// The 64 hexadecimal digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let digits = text.len() == 64
                    && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if digits {
                    Ok(Self(text))
                } else {
                    Err(InvalidName("a SHA-256 hash is 64 lower-case hexadecimal digits".to_owned()))
                }
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> Self {
                hash.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

hash_ids! {
    /// SHA-256 of a file's bytes: its address in the blob table.
    BlobHash;
    /// SHA-256 over all paths, modes and blob hashes of a workspace.
    TreeHash;
    /// SHA-256 over a lab's files: its version.
    LabVersion;
}

/// A lab as a session or an attempt refers to it: which one, and in which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabRef {
    /// The lab's name.
    pub slug: LabSlug,
    /// The hash of its files when the session started.
    pub version: LabVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_holds_what_an_address_can_show() {
        assert!(LabSlug::new("lab1").is_ok());
        assert!(LabSlug::new("multi-stage-2").is_ok());
        for wrong in ["", "-a", "a-", "Lab1", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(LabSlug::new(wrong).is_err(), "{wrong:?} passed");
        }
    }

    #[test]
    fn a_hash_from_outside_must_look_like_one() {
        let good = BlobHash::of(b"hello");
        assert_eq!(BlobHash::try_from(good.as_str().to_owned()), Ok(good.clone()));
        assert!(BlobHash::try_from(good.as_str().to_uppercase()).is_err());
        assert!(serde_json::from_str::<BlobHash>("\"abc\"").is_err());
    }

    #[test]
    fn a_workspace_is_found_from_its_session_and_back() {
        let session = SessionId(Uuid::from_u128(7));
        assert_eq!(WorkspaceId::of(session).session(), session);
    }
}
