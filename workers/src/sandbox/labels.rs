//! The labels by which we know our own containers and networks again.

use std::collections::HashMap;

use containrlab_domain::ids::{LeaseId, RunnerId, SandboxId, SessionId};
use serde::{Deserialize, Serialize};

/// Which system a thing belongs to; all others leave it alone.
pub const INSTALLATION: &str = "containrlab.installation";
/// The runner that made it.
pub const RUNNER: &str = "containrlab.runner";
/// The sandbox's id.
pub const SANDBOX: &str = "containrlab.sandbox";
/// The session it is for.
pub const SESSION: &str = "containrlab.session";
/// The lease under which it was made.
pub const LEASE: &str = "containrlab.lease";
/// What it is for.
pub const ROLE: &str = "containrlab.role";
/// What it was made of, as a fingerprint: whether it is still what would be made today.
pub(super) const RECIPE: &str = "containrlab.recipe";

/// What a sandbox is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A learner works in it.
    Session,
    /// The judge builds and runs a submission in it.
    Verifier,
    /// It fills the golden volume.
    Golden,
    /// It waits, untouched, for somebody who needs a sandbox.
    Warm,
}

impl Role {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Verifier => "verifier",
            Self::Golden => "golden",
            Self::Warm => "warm",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Session, Self::Verifier, Self::Golden, Self::Warm];
        all.into_iter().find(|role| role.as_str() == text)
    }
}

/// What a sandbox is asked for with, and known again by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxSpec {
    /// The id it is to have.
    pub id: SandboxId,
    /// What it is for.
    pub role: Role,
    /// The session it is for.
    pub session: SessionId,
    /// The lease of the job that asks for it.
    pub lease: LeaseId,
}

impl SandboxSpec {
    pub(super) fn labels(&self, installation: &str, runner: RunnerId) -> HashMap<String, String> {
        HashMap::from([
            (INSTALLATION.to_owned(), installation.to_owned()),
            (RUNNER.to_owned(), runner.to_string()),
            (SANDBOX.to_owned(), self.id.to_string()),
            (SESSION.to_owned(), self.session.to_string()),
            (LEASE.to_owned(), self.lease.to_string()),
            (ROLE.to_owned(), self.role.as_str().to_owned()),
        ])
    }

    /// Reads the labels of a container; none if they aren't ours.
    pub(super) fn of(labels: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            id: labels.get(SANDBOX)?.parse().ok()?,
            role: Role::parse(labels.get(ROLE)?)?,
            session: labels.get(SESSION)?.parse().ok()?,
            lease: labels.get(LEASE)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn labels_are_read_as_they_were_written() {
        let spec = SandboxSpec {
            id: SandboxId(Uuid::from_u128(1)),
            role: Role::Verifier,
            session: SessionId(Uuid::from_u128(2)),
            lease: LeaseId(Uuid::from_u128(3)),
        };
        let mut labels = spec.labels("test", RunnerId(Uuid::from_u128(4)));
        assert_eq!(SandboxSpec::of(&labels), Some(spec));
        labels.insert(ROLE.to_owned(), "something else".to_owned());
        assert_eq!(SandboxSpec::of(&labels), None);
    }
}
