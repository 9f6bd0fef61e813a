//! The image's size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::Observed;
use crate::judge::plan::{Action, StepId};
use crate::judge::planner::Planner;

/// The image is no larger than this, all layers together, uncompressed.
///
/// ```toml
/// [[checks]]
/// type = "image_size"
/// max_mb = 250   # of 1,000,000 bytes, as docker images counts
/// ```
///
/// Codes: `image_too_large`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageSize {
    /// The largest size that passes, in millions of bytes.
    pub max_mb: u32,
}

impl Rule for ImageSize {
    fn codes(&self) -> Vec<&str> {
        vec!["image_too_large"]
    }

    fn title(&self) -> String {
        format!("The image is at most {} MB", self.max_mb)
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        planner.step(image_step(), &[build], Action::InspectImage);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(Observed::Image(image)) = facts.observed(&image_step()) else { return Answer::Skipped };
        if image.size_bytes <= u64::from(self.max_mb) * 1_000_000 {
            return Answer::Met;
        }
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let mut found = finding(
            "image_too_large",
            format!("The image is {:.0} MB; at most {} MB pass.", megabytes(image.size_bytes), self.max_mb),
            "docker history <image> shows what each step adds. Which of it does the running app need?",
            "Every machine that runs the image has to fetch and keep all of it.",
        );
        let mut layers: Vec<&(u64, String)> =
            image.history.iter().filter(|(bytes, _)| *bytes > 1_000_000).collect();
        layers.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let lines: Vec<String> = layers
            .iter()
            .take(6)
            .map(|(bytes, step)| {
                let step: String = step.chars().take(100).collect();
                format!("{:>6.1} MB  {step}", megabytes(*bytes))
            })
            .collect();
        found.log = (!lines.is_empty()).then(|| lines.join("\n"));
        found.into()
    }
}

pub(super) fn image_step() -> StepId {
    StepId("image".to_owned())
}
