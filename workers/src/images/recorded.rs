//! Which packages an image was made of, read from the image itself.

use std::io::Read;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptions, RemoveContainerOptions,
};
use futures::TryStreamExt;

use super::{IMAGE_LABEL, Images, Planned};
use crate::sandbox::SandboxError;

/// Debian's record of installed packages, and the folder in which images without it (or beside it) say what they hold.
const RECORDS: [&str; 2] = ["/var/lib/dpkg/status", "/var/lib/dpkg/status.d"];

/// An image as it lies on the host's engine.
#[derive(Debug, Clone)]
pub struct ImageRecord {
    /// Its name in a learner's engine, or the sandbox's own.
    pub name: String,
    /// Its name on the host's engine; the tag is the fingerprint of what it was made of.
    pub reference: String,
    /// The engine's id, a hash of its content.
    pub id: String,
    /// Bytes with all layers, those that it shares with others included.
    pub bytes: u64,
    /// Packages with their versions, by name; empty if the image keeps no record of them.
    pub packages: Vec<(String, String)>,
}

impl Images {
    /// The images that are there, in the order of the list; with `packages`, what they were made of.
    ///
    /// # Errors
    /// The list can't be read, or the engine doesn't answer.
    pub async fn recorded(&self, packages: bool) -> Result<Vec<ImageRecord>, SandboxError> {
        let plan = match self.complete_plan().await? {
            Some(plan) => plan,
            None => self.plan(false)?,
        };
        let mut records = Vec::new();
        for image in &plan.0 {
            if self.is_there(&image.reference).await? {
                records.push(self.record(image, packages).await?);
            }
        }
        Ok(records)
    }

    async fn record(&self, image: &Planned, packages: bool) -> Result<ImageRecord, SandboxError> {
        let found = self.docker.inspect_image(&image.reference).await;
        let found = found.map_err(|source| SandboxError::engine("look at an image", source))?;
        Ok(ImageRecord {
            name: image.entry.name.clone(),
            reference: image.reference.clone(),
            id: found.id.unwrap_or_default(),
            bytes: found.size.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
            packages: if packages { self.packages(&image.reference).await? } else { Vec::new() },
        })
    }

    /// Reads the records out of a container that is never started.
    async fn packages(&self, reference: &str) -> Result<Vec<(String, String)>, SandboxError> {
        let body = ContainerCreateBody {
            image: Some(reference.to_owned()),
            cmd: Some(vec!["true".to_owned()]),
            labels: Some([(IMAGE_LABEL.to_owned(), reference.to_owned())].into()),
            ..ContainerCreateBody::default()
        };
        let container = self.docker.create_container(None::<CreateContainerOptions>, body).await;
        let container = container.map_err(|source| SandboxError::engine("look into an image", source))?.id;
        let mut text = String::new();
        let mut failed = None;
        for path in RECORDS {
            match self.download(&container, path).await {
                Ok(part) => text.push_str(&part),
                // The image has none.
                Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {}
                Err(error) => failed = Some(error),
            }
        }
        let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
        let removed = self.docker.remove_container(&container, Some(options)).await;
        match failed.or(removed.err()) {
            None => Ok(parse(&text)),
            Some(source) => Err(SandboxError::engine("look into an image", source)),
        }
    }

    /// All text beneath a path of a container.
    async fn download(&self, container: &str, path: &str) -> Result<String, bollard::errors::Error> {
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let parts = self.docker.download_from_container(container, Some(options));
        let bytes: Vec<u8> = parts.map_ok(|part| part.to_vec()).try_concat().await?;
        let mut text = String::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries()? {
            let mut entry = entry?;
            if entry.header().entry_type().is_file() {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                text.push_str(&String::from_utf8_lossy(&bytes));
                text.push_str("\n\n");
            }
        }
        Ok(text)
    }
}

/// Package and version of each stanza of installed packages, by name.
fn parse(text: &str) -> Vec<(String, String)> {
    let mut packages: Vec<(String, String)> = text
        .split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let installed = field("Status:").is_none_or(|status| status.ends_with(" installed"));
            installed.then_some((field("Package:")?.to_owned(), field("Version:")?.to_owned()))
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn removed_packages_do_not_count_and_none_counts_twice() {
        let text = "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nDescription: a shell\n Version: none\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\n\n\
                    Package: npm\nVersion: 9.2\n\nPackage: npm\nVersion: 9.2\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(parse(text), [pair("bash", "5.2-1"), pair("npm", "9.2")]);
    }
}
