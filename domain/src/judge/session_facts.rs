//! What was in a learner's own engine at the moment of a submission.

use serde::{Deserialize, Serialize};

/// What a session's engine held. Taken once, when an attempt is handed in, and kept with it: so that judging it again sees the
/// same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its containers, stopped ones too.
    pub containers: Vec<SessionContainerFact>,
    /// Its networks.
    pub networks: Vec<SessionNetworkFact>,
    /// The names of its volumes.
    pub volumes: Vec<String>,
    /// The names of its images, with their tags.
    pub images: Vec<String>,
}

/// A container of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContainerFact {
    /// Its name.
    pub name: String,
    /// The image that it was made of, as whoever made it named it.
    pub image: String,
    /// Whether it runs.
    pub running: bool,
    /// What Docker says of it: `Up 3 minutes`, `Exited (0) 5 seconds ago`.
    pub status: String,
    /// The names of its networks.
    pub networks: Vec<String>,
    /// Its ports that lead to one of the machine.
    pub published: Vec<u16>,
    /// The names of its volumes.
    pub volumes: Vec<String>,
}

/// A network of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionNetworkFact {
    /// Its name.
    pub name: String,
    /// Whether it has no way out.
    pub internal: bool,
}

impl SessionFacts {
    /// The container with this name.
    pub fn container(&self, name: &str) -> Option<&SessionContainerFact> {
        self.containers.iter().find(|container| container.name == name)
    }
}
