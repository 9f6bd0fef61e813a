//! What must not be in the image, in whichever layer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image::image_step;
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::{ImageObserved, LayerHit, Observed};
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::Planner;
use crate::verdict::Finding;

/// Neither a layer that the build made, nor the image's variables or its history hold this: also not when a later step
/// deleted it again. What the base image brings does not count.
///
/// ```toml
/// [[checks]]
/// type = "image_lacks"
/// paths = ["**/.env", "**/.git"]   # optional: patterns as in .dockerignore, from the root of the image
/// texts = ["s3cr3t-t0ken"]         # optional: no file, variable or step may hold these
/// ```
///
/// Codes: `file_in_layer`, `text_in_layer`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageLacks {
    /// Patterns of paths.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Texts.
    #[serde(default)]
    pub texts: Vec<String>,
}

/// Paths that one finding names.
const NAMED: usize = 5;

impl Rule for ImageLacks {
    fn codes(&self) -> Vec<&str> {
        vec!["file_in_layer", "text_in_layer"]
    }

    fn title(&self) -> String {
        match self.paths.as_slice() {
            [] => "No layer of the image holds a secret".to_owned(),
            paths => format!("No layer of the image holds {}", paths.join(", ")),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        planner.step(image_step(), std::slice::from_ref(&build), Action::InspectImage);
        let action = Action::ReadLayers { paths: self.paths.clone(), texts: self.texts.clone() };
        planner.step(self.step(), &[build], action);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let (Some(Observed::Layers(seen)), Some(Observed::Image(image))) =
            (facts.observed(&self.step()), facts.observed(&image_step()))
        else {
            return Answer::Skipped;
        };
        let mut findings = Vec::new();
        for (created_by, paths) in by_layer(&seen.files) {
            let mut found = finding(
                "file_in_layer",
                format!("A layer of the image holds {}.", named(&paths)),
                "Which COPY or RUN brings it in? Deleting it in a later step leaves it in this layer.",
                "A layer keeps what was put into it: whoever can fetch the image can read it, deleted or not.",
            );
            found.place = facts.place_of_layer(created_by);
            findings.push(found);
        }
        for text in &self.texts {
            findings.extend(text_fault(facts, image, &seen.texts, text));
        }
        findings.into()
    }
}

impl ImageLacks {
    fn step(&self) -> StepId {
        StepId(format!("layers {}", serde_json::to_string(self).unwrap_or_default()))
    }
}

/// The text itself is a secret of the lab's: it is shortened in what the learner reads.
fn text_fault(facts: &Facts<'_>, image: &ImageObserved, hits: &[LayerHit], text: &str) -> Option<Finding> {
    let shown: String = text.chars().take(text.chars().count().min(6)).collect();
    let hits: Vec<&LayerHit> = hits.iter().filter(|hit| hit.text.as_deref() == Some(text)).collect();
    let step = image.history.iter().map(|(_, step)| step).find(|step| step.contains(text));
    let variable = image.config.env.iter().find(|(_, value)| value.contains(text)).map(|(name, _)| name);
    let (said, place) = if let Some(name) = variable {
        (format!("the image's variable {name} holds it"), facts.place_of(&["ENV"]))
    } else if let Some(hit) = hits.first() {
        let paths: Vec<&str> = hits.iter().map(|hit| hit.path.as_str()).collect();
        (format!("a layer holds it in {}", named(&paths)), facts.place_of_layer(&hit.created_by))
    } else {
        let step = step?;
        ("the image's history shows it in a step".to_owned(), facts.place_of_layer(step))
    };
    let mut found = finding(
        "text_in_layer",
        format!("The secret \"{shown}…\" is in the image: {said}."),
        "A secret that a step of the build needs can be mounted for that step alone; one that the app needs is given to the container.",
        "docker history, docker image inspect and the layers' files show it to whoever has the image.",
    );
    found.place = place;
    Some(found)
}

/// Hits of one layer together, in the order of the layers.
fn by_layer(hits: &[LayerHit]) -> Vec<(&str, Vec<&str>)> {
    let mut layers: Vec<(&str, Vec<&str>)> = Vec::new();
    for hit in hits {
        match layers.iter_mut().find(|(created_by, _)| *created_by == hit.created_by) {
            Some((_, paths)) => paths.push(&hit.path),
            None => layers.push((&hit.created_by, vec![&hit.path])),
        }
    }
    layers
}

fn named(paths: &[&str]) -> String {
    let shown: Vec<String> = paths.iter().take(NAMED).map(|path| format!("/{path}")).collect();
    match paths.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
