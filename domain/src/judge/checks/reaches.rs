//! Who gets to whom in a compose project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::compose_file;
use crate::judge::compose_observation::{ComposeObserved, ReachObserved};
use crate::judge::facts::Facts;
use crate::judge::observation::{ContainerState, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::Planner;

/// A service of the project, or somebody outside of it, gets a connection to another service, by its name.
///
/// ```toml
/// [[checks]]
/// type = "reaches"
/// from = "web"   # a service, or "outside": the machine on which the project runs
/// to = "db"      # a service
/// port = 5432    # of its container
/// ```
///
/// Codes: `name_not_found`, `not_reachable`. Skipped when the project does not come up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reaches {
    /// Who asks: a service, or `outside`.
    pub from: String,
    /// Who is asked.
    pub to: String,
    /// Port of its container.
    pub port: u16,
}

/// A service gets no connection to another one, neither by its name nor by its address.
///
/// ```toml
/// [[checks]]
/// type = "isolated"
/// from = "proxy"   # a service, or "outside": the machine on which the project runs
/// to = "db"        # a service
/// port = 5432      # of its container
/// ```
///
/// Codes: `reachable_but_should_not`. Skipped when the project does not come up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Isolated {
    /// Who asks: a service, or `outside`.
    pub from: String,
    /// Who must not be reached.
    pub to: String,
    /// Port of its container.
    pub port: u16,
}

/// The word for somebody who is no service of the project.
const OUTSIDE: &str = "outside";

/// Seconds in which the asked service must listen.
const WITHIN: u32 = 20;

impl Rule for Reaches {
    fn codes(&self) -> Vec<&str> {
        vec!["name_not_found", "not_reachable"]
    }

    fn title(&self) -> String {
        match self.from.as_str() {
            OUTSIDE => format!("Port {} of the service {} can be reached from outside", self.port, self.to),
            from => format!("The service {from} reaches {} on port {}", self.to, self.port),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        plan(planner, &self.from, &self.to, self.port, true);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(seen) = seen(facts, &self.from, &self.to, self.port, true) else { return Answer::Skipped };
        if seen.connects {
            return Answer::Met;
        }
        let Self { from, to, port } = self;
        let at_port =
            |address: &&String| address.rsplit_once(':').is_some_and(|(_, p)| p == port.to_string());
        let mut found = if from == OUTSIDE && seen.published.is_none() {
            finding(
                "not_reachable",
                format!(
                    "Port {port} of the service {to} is not published, so nobody outside of the project gets there."
                ),
                "Which key of a service leads a port of the machine to one of its container?",
                "Services reach one another within their network; whoever is outside needs a published port.",
            )
        } else if !seen.resolves {
            finding(
                "name_not_found",
                format!("The service {from} knows nobody called {to}."),
                "Which networks is each of the two in? Names are only known within a network that both share.",
                "Docker answers for the names of services, but only to those in the same network.",
            )
        } else if !seen.listens.is_empty() && !seen.listens.iter().any(|address| at_port(&address)) {
            finding(
                "not_reachable",
                format!(
                    "Nobody takes a connection to {to} on port {port}; it listens on {}.",
                    seen.listens.join(", ")
                ),
                "On which port does it listen, and where is that set?",
                "A port leads to whoever listens on it, and to nobody else.",
            )
        } else {
            finding(
                "not_reachable",
                format!("{} gets no connection to {to} on port {port}.", who(from)),
                "Does it listen on all of its addresses (0.0.0.0), and is it up at all? docker compose logs says so.",
                "A name that is known is not yet a service that answers.",
            )
        };
        found.place = compose_file::place(facts.subject.files, to, (from == OUTSIDE).then_some("ports"));
        found.into()
    }
}

impl Rule for Isolated {
    fn codes(&self) -> Vec<&str> {
        vec!["reachable_but_should_not"]
    }

    fn title(&self) -> String {
        match self.from.as_str() {
            OUTSIDE => format!("Port {} of the service {} can't be reached from outside", self.port, self.to),
            from => format!("The service {from} can't reach {} on port {}", self.to, self.port),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        plan(planner, &self.from, &self.to, self.port, false);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(seen) = seen(facts, &self.from, &self.to, self.port, false) else { return Answer::Skipped };
        let Self { from, to, port } = self;
        let (said, key) = match seen.published {
            Some(host) if from == OUTSIDE => (
                format!("Port {port} of the service {to} is published as port {host} of the machine."),
                "ports",
            ),
            _ if seen.connects || seen.connects_by_address => {
                (format!("{} gets a connection to {to} on port {port}.", who(from)), "networks")
            }
            _ => return Answer::Met,
        };
        let mut found = finding(
            "reachable_but_should_not",
            said,
            "Who needs to reach it at all? Networks and published ports say who can; both can be left out.",
            "What can't be reached can't be attacked: a database that only the app can reach is safe from all others.",
        );
        found.place = compose_file::place(facts.subject.files, to, Some(key));
        found.into()
    }
}

fn who(from: &str) -> String {
    match from {
        OUTSIDE => "Somebody outside of the project".to_owned(),
        from => format!("The service {from}"),
    }
}

fn plan(planner: &mut Planner<'_>, from: &str, to: &str, port: u16, is_wanted: bool) {
    let Some(up) = planner.compose_up(0, false) else { return };
    let action = Action::Reach {
        from: (from != OUTSIDE).then(|| from.to_owned()),
        to: to.to_owned(),
        port,
        within_seconds: if is_wanted { WITHIN } else { 0 },
    };
    planner.step(step(from, to, port, is_wanted), &[up], action);
}

/// What was seen, unless one of the two does not run: another check tells that.
fn seen<'f>(
    facts: &Facts<'f>,
    from: &str,
    to: &str,
    port: u16,
    is_wanted: bool,
) -> Option<&'f ReachObserved> {
    let project = facts.project()?;
    let runs = |project: &ComposeObserved, name: &str| {
        name == OUTSIDE
            || project.service(name).is_some_and(|service| service.state == ContainerState::Running)
    };
    if !runs(project, from) || !runs(project, to) {
        return None;
    }
    match facts.observed(&step(from, to, port, is_wanted)) {
        Some(Observed::Reach(seen)) => Some(seen),
        _ => None,
    }
}

fn step(from: &str, to: &str, port: u16, is_wanted: bool) -> StepId {
    StepId(format!("{from} {} {to}:{port}", if is_wanted { "reaches" } else { "must not reach" }))
}
