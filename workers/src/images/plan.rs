//! What each image is made of and is therefore called. Pure but for reading files.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::catalogue::{Catalogue, ImageEntry};
use super::context::Context;
use super::{ImageSet, ImageSettings, LabImage, debootstrap};
use crate::sandbox::SandboxError;

/// Raised when the way of building changes so that the same ingredients give another image.
const RECIPE: &str = "2";

/// Name under which the sandbox's Dockerfile finds the agent's program in its context.
const AGENT_FILE: &str = "agent";

/// How one image comes about.
#[derive(Debug)]
pub(super) enum Way {
    /// Pulled from there.
    Pull(String),
    /// A root file system of this Debian suite.
    Debootstrap(String),
    /// Built from a context.
    Build {
        /// The context, Dockerfile included.
        context: Context,
        /// The reference of the image that it is based on.
        base: String,
    },
}

impl Way {
    /// The image that has to be there before.
    pub(super) fn base(&self) -> Option<&String> {
        match self {
            Self::Build { base, .. } => Some(base),
            Self::Pull(_) | Self::Debootstrap(_) => None,
        }
    }
}

/// One image, with the reference that says all that went into it.
#[derive(Debug)]
pub(super) struct Planned {
    /// Its entry in the list.
    pub(super) entry: ImageEntry,
    /// `containrlab/<word>:<fingerprint>`.
    pub(super) reference: String,
    /// How it comes about.
    pub(super) way: Way,
    /// The same fingerprint without the agent: what the engine's data folder depends on.
    pub(super) without_agent: String,
}

/// All images, in an order in which they can be made.
#[derive(Debug)]
pub(super) struct Plan(pub(super) Vec<Planned>);

impl Plan {
    /// Works out every image, from a registry where one has it and `from_registry` is set.
    pub(super) fn new(
        catalogue: &Catalogue,
        settings: &ImageSettings,
        from_registry: bool,
    ) -> Result<Self, SandboxError> {
        let mut references: HashMap<&str, String> = HashMap::new();
        let mut planned = Vec::new();
        for entry in &catalogue.images {
            let mut digest = Sha256::new();
            digest.update(RECIPE);
            let (way, without_agent) = match (&entry.registry, &entry.debootstrap) {
                (Some(registry), _) if from_registry => {
                    digest.update(format!("pull {registry}"));
                    settings.site.layer("", entry.certificates_env.as_deref()).digest(&mut digest);
                    (Way::Pull(registry.clone()), digest.clone())
                }
                (_, Some(suite)) => {
                    digest.update(format!(
                        "debootstrap {suite} {:?} {}",
                        settings.mirror,
                        debootstrap::AS_IN_DOCKER
                    ));
                    settings.site.layer("", entry.certificates_env.as_deref()).digest(&mut digest);
                    (Way::Debootstrap(suite.clone()), digest.clone())
                }
                _ => {
                    let base = entry
                        .base
                        .as_deref()
                        .and_then(|base| references.get(base))
                        .cloned()
                        .unwrap_or_default();
                    digest.update(format!("build {base}"));
                    let mut context = Self::context(entry, settings)?;
                    context.digest(&mut digest);
                    let without_agent = digest.clone();
                    if entry.sandbox {
                        let agent = std::fs::read(&settings.agent).map_err(|source| {
                            SandboxError::AgentMissing { path: settings.agent.clone(), source }
                        })?;
                        digest.update(&agent);
                        context.add(AGENT_FILE, true, agent);
                    }
                    (Way::Build { context, base }, without_agent)
                }
            };
            let reference = format!("{}:{}", entry.repository(), fingerprint(digest));
            for name in std::iter::once(&entry.name).chain(&entry.also) {
                references.insert(name, reference.clone());
            }
            planned.push(Planned {
                entry: entry.clone(),
                reference,
                way,
                without_agent: fingerprint(without_agent),
            });
        }
        Ok(Self(planned))
    }

    fn context(entry: &ImageEntry, settings: &ImageSettings) -> Result<Context, SandboxError> {
        let folder = settings.folder.join(entry.folder.as_deref().unwrap_or_default());
        Context::of_folder(&folder)
            .map_err(|error| SandboxError::ImageList { path: folder, why: format!("can't be read: {error}") })
    }

    /// What sandboxes need to know of the images.
    pub(super) fn set(&self) -> ImageSet {
        let mut set = ImageSet { sandbox: String::new(), sandbox_engine: String::new(), labs: Vec::new() };
        for image in &self.0 {
            if image.entry.sandbox {
                set.sandbox.clone_from(&image.reference);
                set.sandbox_engine.clone_from(&image.without_agent);
            } else {
                let names = std::iter::once(&image.entry.name).chain(&image.entry.also).cloned().collect();
                set.labs.push(LabImage { reference: image.reference.clone(), names });
            }
        }
        set
    }
}

/// Enough hexadecimal digits to never meet by accident, short enough to read.
fn fingerprint(digest: Sha256) -> String {
    let mut text = hex::encode(digest.finalize());
    text.truncate(16);
    text
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::images::SiteSettings;

    fn settings(agent: PathBuf) -> ImageSettings {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/images");
        ImageSettings { folder, agent, ..ImageSettings::default() }
    }

    fn references(settings: &ImageSettings, from_registry: bool) -> Vec<String> {
        let catalogue = Catalogue::load(&settings.folder).unwrap();
        let plan = Plan::new(&catalogue, settings, from_registry).unwrap();
        plan.0.into_iter().map(|image| image.reference).collect()
    }

    #[test]
    fn a_new_agent_changes_the_sandbox_alone() {
        let one = references(&settings("/proc/self/exe".into()), false);
        let other = references(&settings("/proc/self/status".into()), false);
        let changed: Vec<_> =
            one.iter().zip(&other).filter(|(a, b)| a != b).map(|(a, _)| a.as_str()).collect();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].starts_with("containrlab/sandbox:"));
    }

    #[test]
    fn a_certificate_changes_every_image() {
        let plain = settings("/proc/self/exe".into());
        let pem = "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----".to_owned();
        let site = SiteSettings { extra_ca_certs: Some(pem), ..SiteSettings::default() };
        let special = ImageSettings { site, ..plain.clone() };
        let pairs = references(&plain, false).into_iter().zip(references(&special, false));
        assert_eq!(pairs.filter(|(a, b)| a == b).count(), 0);
    }

    #[test]
    fn a_pulled_base_is_not_the_built_one() {
        let settings = settings("/proc/self/exe".into());
        let pairs = references(&settings, false).into_iter().zip(references(&settings, true));
        assert_eq!(pairs.filter(|(a, b)| a == b).count(), 0);
    }

    #[test]
    fn a_missing_agent_is_said_in_a_sentence() {
        let settings = settings("/nowhere/agent".into());
        let catalogue = Catalogue::load(&settings.folder).unwrap();
        let error = Plan::new(&catalogue, &settings, false).unwrap_err();
        assert_eq!(error.code(), "agent_missing");
        assert!(error.to_string().contains("/nowhere/agent"));
    }
}
