//! Who the container runs as.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::dockerfile::{Base, Effects, ImageName, StageGraph};
use crate::judge::facts::Facts;

/// A container of the image does not run as root: the `USER` that counts in the end, in the last stage or in those that
/// it starts from, is another.
///
/// Variables are filled in. A `USER` that a later one takes back does not count, nor does one in a stage that is only
/// copied from.
///
/// ```toml
/// [[checks]]
/// type = "non_root_user"
/// ```
///
/// Codes: `runs_as_root`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NonRootUser {}

impl Rule for NonRootUser {
    fn codes(&self) -> Vec<&str> {
        vec!["runs_as_root"]
    }

    fn title(&self) -> String {
        "The container does not run as root".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let Some(last) = graph.last() else { return Answer::Skipped };
        let user = Effects::of(graph, last.index).user;
        let (message, span) = match &user {
            Some(user) if !is_root(&user.value) => return Answer::Met,
            Some(user) if user.value.is_empty() => (
                "USER comes to nothing here, because its variable has no value, and nothing means root."
                    .to_owned(),
                user.span,
            ),
            Some(user) => (
                format!("The last USER that counts is {}: the container runs as root.", user.value),
                user.span,
            ),
            None if starts_unprivileged(graph, last.index) => return Answer::Met,
            None => ("The image names no user, so the container runs as root.".to_owned(), last.span),
        };
        let mut found = finding(
            "runs_as_root",
            message,
            "Which user should the app be, which files does that user need, and from which line of the last stage on?",
            "Whoever breaks into the app has what the app has; root within a container is close to root outside of it.",
        );
        found.place = Some(facts.subject.place(span));
        found.into()
    }
}

/// `root`, the number 0 in any spelling, or nothing, with or without a group.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name.is_empty() || name == "root" || name.parse::<i64>() == Ok(0)
}

/// Whether the image that a stage starts from is known to have a user of its own.
fn starts_unprivileged(graph: &StageGraph<'_>, stage: usize) -> bool {
    let Some(lowest) = graph.chain(stage).last() else { return false };
    let Base::Image(image) = &lowest.base else { return false };
    let name = ImageName::parse(image);
    let says_so =
        |text: &str| text.contains("nonroot") || text.contains("unprivileged") || text.contains("rootless");
    says_so(name.repository) || name.tag.is_some_and(says_so) || name.repository.starts_with("cgr.dev/")
}
