//! Images that the build starts from, by a name that stays the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::dockerfile::{Base, EdgeSource, ImageName, LineSpan, StageGraph};
use crate::judge::facts::Facts;
use crate::verdict::Finding;

/// Every image that the build takes from outside names its version: by a tag that is no moving one, or by a digest.
///
/// Variables are filled in with their defaults; stages and `scratch` need no version. An image that only
/// `COPY --from` names counts as well.
///
/// ```toml
/// [[checks]]
/// type = "pinned_base"
/// allow = ["busybox"]   # optional: images that need no tag
/// ```
///
/// Codes: `base_not_pinned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PinnedBase {
    /// Names of images, without a tag, that need none.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Tags, and parts of them, that name no version: what they mean moves with time.
const MOVING: [&str; 19] = [
    "latest", "stable", "mainline", "edge", "nightly", "current", "lts", "slim", "alpine", "main", "master",
    "dev", "rolling", "testing", "unstable", "sid", "perl", "full", "minimal",
];

/// Names of Debian's and Ubuntu's releases: a version for these images, only a variant for all others.
const RELEASES: [&str; 7] = ["bullseye", "bookworm", "trixie", "forky", "focal", "jammy", "noble"];

impl Rule for PinnedBase {
    fn codes(&self) -> Vec<&str> {
        vec!["base_not_pinned"]
    }

    fn title(&self) -> String {
        "Every base image names its version".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let findings: Vec<Finding> = images(graph)
            .into_iter()
            .filter(|(image, _)| !self.is_pinned(image))
            .map(|(image, span)| {
                let name = ImageName::parse(image);
                let message = match name.tag {
                    None => format!("{image} names no version: it means the newest one, whatever that is on the day of the build."),
                    Some("") => format!("{image} ends at its colon: the ARG that should give the version has no default."),
                    Some(tag) => format!("{image} names no version: the tag {tag} moves on with each release."),
                };
                let mut found = finding(
                    "base_not_pinned",
                    message,
                    "Which version did you try this with? A tag can say it.",
                    "The same Dockerfile should give the same image next month; with a moving base it breaks on a day \
                     when nobody changed anything.",
                );
                found.place = Some(facts.subject.place(span));
                found
            })
            .collect();
        findings.into()
    }
}

impl PinnedBase {
    fn is_pinned(&self, image: &str) -> bool {
        let name = ImageName::parse(image);
        let allowed = self.allow.iter().any(|allowed| allowed == name.repository || allowed == name.short());
        name.digest.is_some() || allowed || name.tag.is_some_and(|tag| names_version(name.short(), tag))
    }
}

/// Whether a part of the tag says which version it is.
fn names_version(image: &str, tag: &str) -> bool {
    let is_release = matches!(image, "debian" | "ubuntu" | "buildpack-deps");
    let says_nothing =
        |part: &str| part.is_empty() || MOVING.contains(&part) || (!is_release && RELEASES.contains(&part));
    !tag.to_ascii_lowercase().split(['-', '_']).all(says_nothing)
}

/// The images that a build of the last stage takes from outside, each with the first place that names it.
fn images<'g>(graph: &'g StageGraph<'_>) -> Vec<(&'g str, LineSpan)> {
    let mut found: Vec<(&str, LineSpan)> = Vec::new();
    for stage in graph.needed().into_iter().map(|stage| &graph.stages[stage]) {
        let base = match &stage.base {
            Base::Image(image) => Some((image.as_str(), stage.span)),
            Base::Stage(_) | Base::Scratch | Base::Unknown => None,
        };
        let taken = stage.edges.iter().filter_map(|edge| match &edge.source {
            EdgeSource::Image(image) => Some((image.as_str(), edge.span)),
            EdgeSource::Stage(_) => None,
        });
        for (image, span) in base.into_iter().chain(taken) {
            if !found.iter().any(|(known, _)| *known == image) {
                found.push((image, span));
            }
        }
    }
    found
}
