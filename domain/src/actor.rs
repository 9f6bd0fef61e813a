//! Who did it: the part of every event that says by whose hand it came about.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::ids::{InvalidName, LearnerId, RequestId, SessionId};

/// By whose hand an event came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A learner through the page or the JSON API.
    Learner(LearnerId),
    /// Somebody's shell in a session: a file changed under the editor's feet.
    Terminal(SessionId),
    /// The platform itself; the text names the part, such as `relay` or `runner`.
    System(&'static str),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learner(id) => write!(f, "learner:{id}"),
            Self::Terminal(id) => write!(f, "terminal:{id}"),
            Self::System(part) => write!(f, "system:{part}"),
        }
    }
}

/// What goes beside each event: who, and in which request. When is the ledger's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// By whose hand.
    pub actor: Actor,
    /// In which request, so that a line in the log leads to the event and back.
    pub request: RequestId,
}

impl Provenance {
    /// The metadata that cqrs-es stores beside an event.
    pub fn to_metadata(&self) -> HashMap<String, String> {
        HashMap::from([
            ("actor".to_owned(), self.actor.to_string()),
            ("request".to_owned(), self.request.to_string()),
        ])
    }
}

/// An actor as read back from the log, where the part of the system may be one that no longer exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedActor {
    /// See [`Actor::Learner`].
    Learner(LearnerId),
    /// See [`Actor::Terminal`].
    Terminal(SessionId),
    /// See [`Actor::System`].
    System(String),
}

impl FromStr for RecordedActor {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || InvalidName(format!("{text:?} names no actor"));
        let (kind, id) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "learner" => id.parse().map(Self::Learner).map_err(|_| unknown()),
            "terminal" => id.parse().map(Self::Terminal).map_err(|_| unknown()),
            "system" => Ok(Self::System(id.to_owned())),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_actor_can_be_read_back_from_the_log() {
        let learner = LearnerId(Uuid::from_u128(1));
        let session = SessionId(Uuid::from_u128(2));
        for (actor, recorded) in [
            (Actor::Learner(learner), RecordedActor::Learner(learner)),
            (Actor::Terminal(session), RecordedActor::Terminal(session)),
            (Actor::System("relay"), RecordedActor::System("relay".to_owned())),
        ] {
            assert_eq!(actor.to_string().parse(), Ok(recorded));
        }
        assert!("nobody".parse::<RecordedActor>().is_err());
        assert!("learner:7".parse::<RecordedActor>().is_err());
    }
}
