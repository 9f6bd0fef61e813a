//! `labs/images/images.toml`: which images there are, as data, so that a lab's new base image needs no Rust.

use std::collections::HashSet;
use std::path::Path;

use serde::Deserialize;

use crate::sandbox::SandboxError;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The images; each stands after the one that it is based on.
    #[serde(rename = "image")]
    pub images: Vec<ImageEntry>,
}

/// One image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageEntry {
    /// The name that it has in a learner's engine.
    pub name: String,
    /// Further names there.
    #[serde(default)]
    pub also: Vec<String>,
    /// The build context, a folder beside the file.
    #[serde(default)]
    pub folder: Option<String>,
    /// The name of the image that `${BASE}` stands for.
    #[serde(default)]
    pub base: Option<String>,
    /// A Debian suite to make a root file system of, instead of a folder.
    #[serde(default)]
    pub debootstrap: Option<String>,
    /// Where the real image is to be had; none: it is always built.
    #[serde(default)]
    pub registry: Option<String>,
    /// The variable by which programs of the real image want to be told of further certificates; none: they use the system's.
    #[serde(default)]
    pub certificates_env: Option<String>,
    /// Whether this is what sandboxes run, and not an image for learners.
    #[serde(default)]
    pub sandbox: bool,
}

impl Catalogue {
    /// Reads `images.toml` in `folder`.
    ///
    /// # Errors
    /// [`SandboxError::ImageList`] with a sentence on what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, SandboxError> {
        let path = folder.join("images.toml");
        let wrong = |why: String| SandboxError::ImageList { path: path.clone(), why };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let catalogue: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        catalogue.check().map_err(wrong)?;
        Ok(catalogue)
    }

    fn check(&self) -> Result<(), String> {
        let mut known = HashSet::new();
        for image in &self.images {
            let name = &image.name;
            match (&image.folder, &image.debootstrap) {
                (Some(_), None) => {
                    let Some(base) = &image.base else {
                        return Err(format!("{name} has a folder, so it needs a base"));
                    };
                    if !known.contains(base.as_str()) {
                        return Err(format!("{name} is based on {base}, which doesn't stand before it"));
                    }
                }
                (None, Some(_)) => {}
                _ => return Err(format!("{name} needs exactly one of folder and debootstrap")),
            }
            for name in std::iter::once(name).chain(&image.also) {
                if !known.insert(name.as_str()) {
                    return Err(format!("the name {name} stands there twice"));
                }
            }
        }
        match self.images.iter().filter(|image| image.sandbox).count() {
            1 => Ok(()),
            count => Err(format!("exactly one image has to be marked sandbox = true, not {count}")),
        }
    }
}

impl ImageEntry {
    /// What the image's repository is called on the host's engine: `containrlab/…`, so that no image of the
    /// machine's owner is shadowed.
    pub fn repository(&self) -> String {
        let word = self.folder.as_deref().unwrap_or(&self.name);
        let word: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("containrlab/{}", word.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(), String> {
        toml::from_str::<Catalogue>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn the_list_that_we_ship_holds_together() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/images");
        let catalogue = Catalogue::load(&folder).unwrap();
        for image in &catalogue.images {
            if let Some(sub) = &image.folder {
                assert!(folder.join(sub).join("Dockerfile").is_file(), "{sub} has no Dockerfile");
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let sandbox = "[[image]]\nname='s'\ndebootstrap='trixie'\nsandbox=true\n";
        assert_eq!(parse(sandbox), Ok(()));
        let twice = format!("{sandbox}[[image]]\nname='s'\ndebootstrap='trixie'\n");
        assert!(parse(&twice).unwrap_err().contains("twice"));
        let baseless = format!("{sandbox}[[image]]\nname='a'\nfolder='a'\nbase='nothing'\n");
        assert!(parse(&baseless).unwrap_err().contains("nothing"));
        assert!(parse("[[image]]\nname='a'\ndebootstrap='trixie'\n").unwrap_err().contains("sandbox = true"));
        assert!(parse("[[image]]\nname='a'\nnonsense=1\n").unwrap_err().contains("nonsense"));
    }
}
