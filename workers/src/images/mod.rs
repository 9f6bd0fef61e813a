//! The sandbox image and the images that labs start from: built from Debian packages, or pulled where a registry can
//! be reached. `containrlab images build` and the runner's start both call [`Images::ensure`].
//!
//! Every image carries a label and a tag that is the fingerprint of all that went into it (Dockerfile, files, base, certificates,
//! agent), so that it is made again exactly when one of these changes.

mod build;
mod catalogue;
mod context;
mod debootstrap;
mod packages;
mod plan;
mod recorded;
mod site;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bollard::Docker;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

pub use self::catalogue::{Catalogue, ImageEntry};
pub use self::packages::PackageIndexes;
pub use self::recorded::ImageRecord;
pub use self::site::SiteSettings;

use self::plan::{Plan, Planned, Way};
use crate::sandbox::SandboxError;

/// The label of every image that we made, with its name as value.
pub const IMAGE_LABEL: &str = "containrlab.image";

/// How long a registry may take to answer before it counts as out of reach.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(8);

/// A place for lines that say what is going on, for a person who waits.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Where images come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageSource {
    /// What is there already; else from a registry if one answers, else built.
    #[default]
    Auto,
    /// The real ones from a registry (the sandbox's own is built on them).
    Registry,
    /// All built from Debian packages.
    Debian,
}

impl std::str::FromStr for ImageSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "registry" => Ok(Self::Registry),
            "debian" => Ok(Self::Debian),
            _ => Err(format!("images come from `auto`, `registry` or `debian`, not from `{text}`")),
        }
    }
}

/// What building the images depends on.
#[derive(Debug, Clone, Default)]
pub struct ImageSettings {
    /// The folder with `images.toml` (LABS_DIR/images).
    pub folder: PathBuf,
    /// The agent's program, built for the sandbox's architecture.
    pub agent: PathBuf,
    /// Where images come from (IMAGES_FROM).
    pub source: ImageSource,
    /// Certificates and package indexes of this network.
    pub site: SiteSettings,
    /// The Debian mirror for root file systems (DEBIAN_MIRROR); none: Debian's own.
    pub mirror: Option<String>,
}

impl ImageSettings {
    /// Reads what is about this machine and its network, through `variable`: IMAGES_FROM, DEBIAN_MIRROR, EXTRA_CA_CERTS (a
    /// PEM file; without it, what the machine's administrator added to Debian's certificates) and those of pip, npm and Go.
    ///
    /// # Errors
    /// A sentence about a value that can't be used.
    pub fn read(
        folder: PathBuf,
        agent: PathBuf,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let source = set("IMAGES_FROM").map_or(Ok(ImageSource::Auto), |text| text.parse())?;
        let extra_ca_certs = match set("EXTRA_CA_CERTS") {
            None => SiteSettings::certificates_of_this_machine(),
            Some(path) => Some(
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("EXTRA_CA_CERTS, {path}, can't be read: {error}"))?,
            ),
        };
        let site = SiteSettings { extra_ca_certs, packages: PackageIndexes::read(set), apt_conf: None };
        Ok(Self { folder, agent, source, site, mirror: set("DEBIAN_MIRROR") })
    }
}

/// The images as the host's engine knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    /// What sandboxes run.
    pub sandbox: String,
    /// Fingerprint of the sandbox image without its agent: of the engine that writes the data folder.
    pub sandbox_engine: String,
    /// What learners find in their engine.
    pub labs: Vec<LabImage>,
}

/// One image for learners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabImage {
    /// Its name on the host's engine.
    pub reference: String,
    /// Its names in a learner's engine.
    pub names: Vec<String>,
}

/// Makes images on an engine.
#[derive(Debug, Clone)]
pub struct Images {
    docker: Docker,
    settings: ImageSettings,
}

impl Images {
    /// For this engine with these settings.
    pub fn new(docker: Docker, settings: ImageSettings) -> Self {
        Self { docker, settings }
    }

    /// The images if all of them are there, without making any.
    ///
    /// # Errors
    /// The list can't be read, or the engine doesn't answer.
    pub async fn present(&self) -> Result<Option<ImageSet>, SandboxError> {
        Ok(self.complete_plan().await?.map(|plan| plan.set()))
    }

    /// Makes what is missing; with `fresh`, everything anew (for newer packages).
    ///
    /// # Errors
    /// What could not be built, with the end of its log.
    pub async fn ensure(&self, fresh: bool, progress: Progress<'_>) -> Result<ImageSet, SandboxError> {
        if !fresh && let Some(plan) = self.complete_plan().await? {
            return Ok(plan.set());
        }
        let plan = self.plan(self.registry_wanted(progress).await)?;
        let set = plan.set();
        let mut waiting = plan.0;
        let mut done = HashSet::new();
        let mut running = FuturesUnordered::new();
        loop {
            // Side by side where one isn't based on the other: most of a build is one processor unpacking packages.
            let startable = |image: &mut Planned| image.way.base().is_none_or(|base| done.contains(base));
            running.extend(waiting.extract_if(.., startable).map(|image| self.make(image, fresh, progress)));
            match running.next().await {
                Some(made) => drop(done.insert(made?)),
                None => return Ok(set),
            }
        }
    }

    /// Makes one image, if it isn't there, and gives its reference.
    async fn make(
        &self,
        image: Planned,
        fresh: bool,
        progress: Progress<'_>,
    ) -> Result<String, SandboxError> {
        let Planned { entry, reference, way, .. } = image;
        let name = &entry.name;
        if !fresh && self.is_there(&reference).await? {
            return Ok(reference);
        }
        let started = Instant::now();
        match way {
            Way::Pull(from) => {
                progress(&format!("Pulling {name}"));
                self.pull(&from).await?;
                self.put_site_layer(&entry, &from, &reference).await?;
            }
            Way::Debootstrap(suite) => {
                progress(&format!("Making {name} of Debian packages"));
                let raw = format!("{reference}-raw");
                self.debootstrap(name, &suite, &raw).await?;
                self.put_site_layer(&entry, &raw, &reference).await?;
            }
            Way::Build { context, base } => {
                progress(&format!("Building {name}"));
                self.build(name, context, &base, &reference, fresh).await?;
            }
        }
        progress(&format!("{name} is ready ({:.1} s)", started.elapsed().as_secs_f64()));
        Ok(reference)
    }

    fn plan(&self, from_registry: bool) -> Result<Plan, SandboxError> {
        Plan::new(&Catalogue::load(&self.settings.folder)?, &self.settings, from_registry)
    }

    /// The plan whose images are all there, if there is one: a registry that comes and goes must not change what labs run on.
    async fn complete_plan(&self) -> Result<Option<Plan>, SandboxError> {
        let ways: &[bool] = match self.settings.source {
            ImageSource::Auto => &[true, false],
            ImageSource::Registry => &[true],
            ImageSource::Debian => &[false],
        };
        for from_registry in ways {
            let plan = self.plan(*from_registry)?;
            let mut complete = true;
            for image in &plan.0 {
                complete = complete && self.is_there(&image.reference).await?;
            }
            if complete {
                return Ok(Some(plan));
            }
        }
        Ok(None)
    }

    async fn registry_wanted(&self, progress: Progress<'_>) -> bool {
        match self.settings.source {
            ImageSource::Registry => return true,
            ImageSource::Debian => return false,
            ImageSource::Auto => {}
        }
        let probe = self.docker.inspect_registry_image("debian:trixie-slim", None);
        let answers = matches!(tokio::time::timeout(REGISTRY_PATIENCE, probe).await, Ok(Ok(_)));
        if !answers {
            progress("No image registry can be reached, so the images are made of Debian packages");
        }
        answers
    }
}
