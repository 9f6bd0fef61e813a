//! What stands in the learner's own engine when they submit: for labs about commands rather than files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::planner::{Planner, session_step};
use crate::judge::session_facts::SessionFacts;
use crate::lab::nearest;
use crate::verdict::Finding;

/// In the learner's own engine there is a container like this, at the moment of the submission.
///
/// ```toml
/// [[checks]]
/// type = "session_container"
/// name = "web"
/// image = "nginx:1"      # optional: as it is named in docker run
/// running = true         # optional
/// network = "backend"    # optional: it is in this network
/// published = 80         # optional: this port of the container leads to one of the machine
/// ```
///
/// Codes: `container_missing`, `container_not_running`, `container_image_wrong`, `container_network_missing`,
/// `container_port_missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionContainer {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: Option<String>,
    /// Whether it has to run.
    #[serde(default = "yes")]
    pub running: bool,
    /// A network that it is in.
    pub network: Option<String>,
    /// A port of it that leads to one of the machine.
    pub published: Option<u16>,
}

/// In the learner's own engine there is a network like this, at the moment of the submission.
///
/// ```toml
/// [[checks]]
/// type = "session_network"
/// name = "backend"
/// members = ["web", "db"]   # optional: names of containers in it
/// internal = true           # optional: it has no way out
/// ```
///
/// Codes: `network_missing`, `network_member_missing`, `network_not_internal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionNetwork {
    /// Its name.
    pub name: String,
    /// Containers in it.
    #[serde(default)]
    pub members: Vec<String>,
    /// Whether it has to have no way out.
    #[serde(default)]
    pub internal: bool,
}

/// In the learner's own engine there is a volume like this, at the moment of the submission.
///
/// ```toml
/// [[checks]]
/// type = "session_volume"
/// name = "data"
/// used_by = "db"   # optional: the container on which it lies
/// ```
///
/// Codes: `volume_missing`, `volume_unused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionVolume {
    /// Its name.
    pub name: String,
    /// The container that has it.
    pub used_by: Option<String>,
}

/// In the learner's own engine there is an image of this name, at the moment of the submission.
///
/// ```toml
/// [[checks]]
/// type = "session_image"
/// name = "notes:1.0"   # without a tag: latest
/// ```
///
/// Codes: `image_missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionImage {
    /// Its name, with its tag.
    pub name: String,
}

fn yes() -> bool {
    true
}

/// Why all of these checks look where they look.
const WHY: &str =
    "This lab looks at what you have made with your own commands, at the moment in which you submit.";

fn seen<'f>(facts: &Facts<'f>) -> Option<&'f SessionFacts> {
    match facts.observed(&session_step()) {
        Some(Observed::Session(seen)) => Some(seen),
        _ => None,
    }
}

/// A thing that is not there: with the name that was probably meant.
fn missing<'n>(
    code: &str,
    kind: &str,
    name: &str,
    others: impl Iterator<Item = &'n str>,
    command: &str,
) -> Finding {
    let message = match nearest(name, others) {
        Some(other) => format!("There is no {kind} called {name}; there is one called {other}."),
        None => format!("There is no {kind} called {name} in your engine."),
    };
    finding(code, message, &format!("{command} shows those that are there."), WHY)
}

impl Rule for SessionContainer {
    fn codes(&self) -> Vec<&str> {
        vec![
            "container_missing",
            "container_not_running",
            "container_image_wrong",
            "container_network_missing",
            "container_port_missing",
        ]
    }

    fn title(&self) -> String {
        let state = if self.running { "runs" } else { "is there" };
        format!("The container {} {state}", self.name)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.session();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(seen) = seen(facts) else { return Answer::Skipped };
        let name = &self.name;
        let Some(container) = seen.container(name) else {
            let others = seen.containers.iter().map(|container| container.name.as_str());
            return missing("container_missing", "container", name, others, "docker ps -a").into();
        };
        let mut findings = Vec::new();
        if self.running && !container.running {
            findings.push(finding(
                "container_not_running",
                format!("The container {name} does not run; Docker says of it: {}.", container.status),
                "docker logs shows what it printed before it ended.",
                WHY,
            ));
        }
        if let Some(image) = &self.image
            && with_tag(image) != with_tag(&container.image)
        {
            findings.push(finding(
                "container_image_wrong",
                format!("The container {name} was made of {}, not of {image}.", container.image),
                "The image stands behind all options of docker run.",
                WHY,
            ));
        }
        if let Some(network) = &self.network
            && !container.networks.contains(network)
        {
            findings.push(finding(
                "container_network_missing",
                format!("The container {name} is in {}, not in {network}.", listed(&container.networks)),
                "A container can be started in a network, and connected to others later on.",
                WHY,
            ));
        }
        if let Some(port) = self.published
            && !container.published.contains(&port)
        {
            findings.push(finding(
                "container_port_missing",
                format!("Port {port} of the container {name} leads to no port of the machine."),
                "Which option of docker run does that? docker port shows what it has done.",
                WHY,
            ));
        }
        findings.into()
    }
}

impl Rule for SessionNetwork {
    fn codes(&self) -> Vec<&str> {
        vec!["network_missing", "network_member_missing", "network_not_internal"]
    }

    fn title(&self) -> String {
        format!("The network {} is there", self.name)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.session();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(seen) = seen(facts) else { return Answer::Skipped };
        let name = &self.name;
        let Some(network) = seen.networks.iter().find(|network| network.name == *name) else {
            let others = seen.networks.iter().map(|network| network.name.as_str());
            return missing("network_missing", "network", name, others, "docker network ls").into();
        };
        let is_member = |member: &&String| {
            seen.container(member).is_some_and(|container| container.networks.contains(name))
        };
        let mut findings: Vec<Finding> = self
            .members
            .iter()
            .filter(|member| !is_member(member))
            .map(|member| {
                finding(
                    "network_member_missing",
                    format!("The container {member} is not in the network {name}."),
                    "docker network inspect shows who is in it.",
                    WHY,
                )
            })
            .collect();
        if self.internal && !network.internal {
            findings.push(finding(
                "network_not_internal",
                format!("The network {name} has a way out."),
                "An option of docker network create leaves the way out away; a network that is there can't be changed.",
                WHY,
            ));
        }
        findings.into()
    }
}

impl Rule for SessionVolume {
    fn codes(&self) -> Vec<&str> {
        vec!["volume_missing", "volume_unused"]
    }

    fn title(&self) -> String {
        format!("The volume {} is there", self.name)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.session();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(seen) = seen(facts) else { return Answer::Skipped };
        let name = &self.name;
        if !seen.volumes.contains(name) {
            let others = seen.volumes.iter().map(String::as_str);
            return missing("volume_missing", "volume", name, others, "docker volume ls").into();
        }
        let Some(user) = &self.used_by else { return Answer::Met };
        if seen.container(user).is_some_and(|container| container.volumes.contains(name)) {
            return Answer::Met;
        }
        finding(
            "volume_unused",
            format!("The container {user} does not have the volume {name}."),
            "docker inspect shows a container's mounts; a volume is given when it is started.",
            WHY,
        )
        .into()
    }
}

impl Rule for SessionImage {
    fn codes(&self) -> Vec<&str> {
        vec!["image_missing"]
    }

    fn title(&self) -> String {
        format!("The image {} is there", self.name)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        planner.session();
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(seen) = seen(facts) else { return Answer::Skipped };
        let wanted = with_tag(&self.name);
        if seen.images.contains(&wanted) {
            return Answer::Met;
        }
        missing("image_missing", "image", &wanted, seen.images.iter().map(String::as_str), "docker images")
            .into()
    }
}

/// `nginx` means `nginx:latest`.
fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains(':') || image.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no network".to_owned() } else { names.join(", ") }
}
