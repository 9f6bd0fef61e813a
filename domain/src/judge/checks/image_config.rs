//! What the image says about containers of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image::image_step;
use super::{Answer, Rule, finding};
use crate::judge::facts::Facts;
use crate::judge::observation::{ImageConfigObserved, Observed};
use crate::judge::plan::Action;
use crate::judge::planner::Planner;
use crate::judge::text_pattern::Wanted;
use crate::verdict::Finding;

/// The built image says this about containers of it: whichever instruction or base image brought it there.
///
/// ```toml
/// [[checks]]
/// type = "image_config"
/// user = "non-root"                  # optional: or a name or number
/// ports = [8000]                     # optional
/// labels = { "org.opencontainers.image.source" = "*" }   # optional: a text, /a regular expression/, or "*"
/// entrypoint = ["/app/server"]       # optional
/// workdir = "/app"                   # optional
/// env = { PORT = "8000" }            # optional: values as for labels
/// absent_env = ["API_KEY"]           # optional
/// ```
///
/// Codes: `image_user_root`, `image_user_wrong`, `image_port_missing`, `image_label_missing`, `image_entry_wrong`,
/// `image_workdir_wrong`, `image_env_missing`, `image_env_secret`. Skipped when the build fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageConfig {
    /// Whom containers run as: `non-root` for anybody but root, or this very name or number.
    pub user: Option<String>,
    /// Ports that it exposes.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Labels that it carries.
    #[serde(default)]
    pub labels: BTreeMap<String, Wanted>,
    /// Its `ENTRYPOINT`.
    pub entrypoint: Option<Vec<String>>,
    /// Its working folder.
    pub workdir: Option<String>,
    /// Variables that it sets.
    #[serde(default)]
    pub env: BTreeMap<String, Wanted>,
    /// Variables that it must not set, because they would be secrets.
    #[serde(default)]
    pub absent_env: Vec<String>,
}

impl Rule for ImageConfig {
    fn codes(&self) -> Vec<&str> {
        vec![
            "image_user_root",
            "image_user_wrong",
            "image_port_missing",
            "image_label_missing",
            "image_entry_wrong",
            "image_workdir_wrong",
            "image_env_missing",
            "image_env_secret",
        ]
    }

    fn title(&self) -> String {
        match &self.user {
            Some(_) => "The image says whom its containers run as".to_owned(),
            None => "The image says what its containers need".to_owned(),
        }
    }

    fn plan(&self, planner: &mut Planner<'_>) {
        let Some(build) = planner.build() else { return };
        planner.step(image_step(), &[build], Action::InspectImage);
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(Observed::Image(image)) = facts.observed(&image_step()) else { return Answer::Skipped };
        let config = &image.config;
        let mut findings: Vec<(Finding, &[&str])> = Vec::new();
        findings.extend(self.user_fault(config).map(|found| (found, &["USER"][..])));
        findings.extend(self.ports.iter().filter_map(|port| {
            let exposed = |listed: &String| listed == &port.to_string() || listed == &format!("{port}/tcp");
            (!config.ports.iter().any(exposed)).then(|| (port_missing(*port, config), &["EXPOSE"][..]))
        }));
        findings.extend(self.labels.iter().filter_map(|(name, wanted)| {
            let value = config.labels.get(name);
            let said = match value {
                Some(value) if wanted.fits(value) => return None,
                Some(value) => format!("The image's label {name} is {value:?} in place of {wanted}."),
                None => format!("The image has no label {name}."),
            };
            let found = finding(
                "image_label_missing",
                said,
                "Labels are set by LABEL name=value. docker image inspect shows those that are there.",
                "Labels tell where an image comes from, long after it has left the machine that built it.",
            );
            Some((found, &["LABEL"][..]))
        }));
        if let Some(wanted) = &self.entrypoint
            && *wanted != config.entrypoint
        {
            let said = if config.entrypoint.is_empty() {
                format!("The image has no ENTRYPOINT; {} is asked for.", json(wanted))
            } else {
                format!(
                    "The image's ENTRYPOINT is {} in place of {}.",
                    json(&config.entrypoint),
                    json(wanted)
                )
            };
            let found = finding(
                "image_entry_wrong",
                said,
                "ENTRYPOINT is what always runs, CMD its arguments unless others are given. Both in brackets, word for word.",
                "With an ENTRYPOINT the image can be used like the command that is in it.",
            );
            findings.push((found, &["ENTRYPOINT"]));
        }
        if let Some(wanted) = &self.workdir {
            let is = if config.workdir.is_empty() { "/" } else { &config.workdir };
            if is.trim_end_matches('/') != wanted.trim_end_matches('/') {
                let found = finding(
                    "image_workdir_wrong",
                    format!("The image's working folder is {is} in place of {wanted}."),
                    "Which instruction sets the folder in which the steps after it, and the container, work?",
                    "Relative paths mean something else in each folder.",
                );
                findings.push((found, &["WORKDIR"]));
            }
        }
        findings.extend(self.env.iter().filter_map(|(name, wanted)| {
            let said = match config.env.get(name) {
                Some(value) if wanted.fits(value) => return None,
                Some(value) => format!("The image sets {name} to {value:?} in place of {wanted}."),
                None => format!("The image does not set {name}."),
            };
            let found = finding(
                "image_env_missing",
                said,
                "ENV sets a variable for the steps after it and for every container; ARG only for the build.",
                "A default that stands in the image need not be repeated in each docker run.",
            );
            Some((found, &["ENV"][..]))
        }));
        findings.extend(self.absent_env.iter().filter(|name| config.env.contains_key(*name)).map(|name| {
            let found = finding(
                "image_env_secret",
                format!("The image holds a value for {name}."),
                "What is secret is given to the container when it starts, or mounted for one step of the build.",
                "Whoever can fetch the image can read its variables with docker image inspect.",
            );
            (found, &["ENV"][..])
        }));
        let place =
            |(found, keywords): (Finding, &[&str])| Finding { place: facts.place_of(keywords), ..found };
        findings.into_iter().map(place).collect::<Vec<_>>().into()
    }
}

impl ImageConfig {
    fn user_fault(&self, config: &ImageConfigObserved) -> Option<Finding> {
        let wanted = self.user.as_deref()?;
        let is = config.user.split(':').next().unwrap_or_default();
        let why = "Who breaks into a process that runs as root is root in the container, with all its files and a shorter way out.";
        if matches!(is, "" | "0" | "root") {
            return Some(finding(
                "image_user_root",
                "Containers of the image run as root.",
                "Which instruction says whom the process runs as? It has to stand in the last stage, after the steps that need root.",
                why,
            ));
        }
        (wanted != "non-root" && wanted != is).then(|| {
            finding(
                "image_user_wrong",
                format!("Containers of the image run as {is}, not as {wanted}."),
                "The last USER of the last stage counts.",
                why,
            )
        })
    }
}

fn port_missing(port: u16, config: &ImageConfigObserved) -> Finding {
    let said = if config.ports.is_empty() {
        format!("The image exposes no port; {port} is asked for.")
    } else {
        format!("The image exposes {}, not {port}.", config.ports.join(", "))
    };
    finding(
        "image_port_missing",
        said,
        "EXPOSE says at which port of the container the app listens.",
        "EXPOSE opens nothing, but tells people and tools which port is meant: docker run -P publishes exactly these.",
    )
}

fn json(words: &[String]) -> String {
    serde_json::to_string(words).unwrap_or_default()
}
