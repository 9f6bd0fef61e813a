//! The learner: who signed in, and by which way.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::ids::LearnerId;

/// The way by which a learner proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// A name typed in, on a machine that serves nobody else.
    Local,
    /// A GitHub account.
    Github,
}

impl Provider {
    /// The word used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Github => "github",
        }
    }
}

/// What can be asked of a learner's stream.
#[derive(Debug, Clone)]
pub enum LearnerCommand {
    /// Somebody signed in for the first time.
    Register {
        /// The id that they get.
        learner: LearnerId,
        /// By which way.
        provider: Provider,
        /// Their id there.
        subject: String,
        /// How they want to be called.
        name: String,
    },
}

/// What has happened to a learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LearnerEvent {
    /// First sign-in.
    Registered {
        /// The learner.
        learner: LearnerId,
        /// By which way.
        provider: Provider,
        /// Their id there; unique per provider.
        subject: String,
        /// How they want to be called.
        name: String,
    },
}

impl DomainEvent for LearnerEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Registered { .. } => "LearnerRegistered",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// Why a command to a learner's stream is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnerError {
    /// Already registered.
    #[error("this learner is registered already")]
    AlreadyRegistered,
    /// The name is empty, too long or holds control characters.
    #[error("a name is 1 to 80 characters, none of them a control character")]
    InvalidName,
}

/// A person who learns.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learner {
    id: Option<LearnerId>,
}

impl Learner {
    fn decide(&self, command: LearnerCommand) -> Result<Vec<LearnerEvent>, LearnerError> {
        match command {
            LearnerCommand::Register { learner, provider, subject, name } => {
                if self.id.is_some() {
                    return Err(LearnerError::AlreadyRegistered);
                }
                let name = name.trim().to_owned();
                let length = name.chars().count();
                if !(1..=80).contains(&length) || name.chars().any(char::is_control) {
                    return Err(LearnerError::InvalidName);
                }
                Ok(vec![LearnerEvent::Registered { learner, provider, subject, name }])
            }
        }
    }
}

impl Aggregate for Learner {
    const TYPE: &'static str = "learner";
    type Command = LearnerCommand;
    type Event = LearnerEvent;
    type Error = LearnerError;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        match event {
            LearnerEvent::Registered { learner, .. } => self.id = Some(learner),
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;
    use uuid::Uuid;

    use super::*;

    fn register(name: &str) -> LearnerCommand {
        LearnerCommand::Register {
            learner: LearnerId(Uuid::from_u128(1)),
            provider: Provider::Local,
            subject: "ada".to_owned(),
            name: name.to_owned(),
        }
    }

    fn registered(name: &str) -> LearnerEvent {
        LearnerEvent::Registered {
            learner: LearnerId(Uuid::from_u128(1)),
            provider: Provider::Local,
            subject: "ada".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn registers_once_with_a_trimmed_name() {
        let learners = || TestFramework::<Learner>::with(());
        learners()
            .given_no_previous_events()
            .when(register("  Ada "))
            .then_expect_events(vec![registered("Ada")]);
        learners()
            .given(vec![registered("Ada")])
            .when(register("Ada"))
            .then_expect_error(LearnerError::AlreadyRegistered);
    }

    #[test]
    fn refuses_names_that_no_page_could_show() {
        for name in ["", "   ", "a\u{7}b", &"x".repeat(81)] {
            TestFramework::<Learner>::with(())
                .given_no_previous_events()
                .when(register(name))
                .then_expect_error(LearnerError::InvalidName);
        }
    }
}
