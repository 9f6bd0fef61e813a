//! The engine's side of making images: look, pull, build, tag, remove.

use std::collections::HashMap;

use bollard::models::ImageSummary;
use bollard::query_parameters::{
    BuildImageOptions, CreateImageOptions, ListImagesOptions, RemoveImageOptions, TagImageOptions,
};
use bytes::Bytes;
use futures::StreamExt;

use super::context::Context;
use super::{IMAGE_LABEL, ImageEntry, Images};
use crate::sandbox::SandboxError;

/// Lines of a failed build's log that are worth showing.
const TAIL_LINES: usize = 30;

impl Images {
    /// Whether the engine has an image of this reference.
    pub(super) async fn is_there(&self, reference: &str) -> Result<bool, SandboxError> {
        match self.docker.inspect_image(reference).await {
            Ok(_) => Ok(true),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(source) => Err(SandboxError::engine("look for an image", source)),
        }
    }

    /// Pulls an image.
    pub(super) async fn pull(&self, from: &str) -> Result<(), SandboxError> {
        let options =
            CreateImageOptions { from_image: Some(from.to_owned()), ..CreateImageOptions::default() };
        let mut steps = std::pin::pin!(self.docker.create_image(Some(options), None, None));
        while let Some(step) = steps.next().await {
            step.map_err(|error| SandboxError::ImageBuild {
                name: from.to_owned(),
                detail: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// Puts the network's settings on top of `from` and calls the result `reference`; without settings it is only named.
    pub(super) async fn put_site_layer(
        &self,
        entry: &ImageEntry,
        from: &str,
        reference: &str,
    ) -> Result<(), SandboxError> {
        let layer = self.settings.site.layer(from, entry.certificates_env.as_deref());
        if !layer.is_empty() {
            return self.build(&entry.name, layer, from, reference, false).await;
        }
        let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
        self.docker
            .tag_image(from, Some(options))
            .await
            .map_err(|source| SandboxError::engine("name an image", source))
    }

    /// Builds a context.
    pub(super) async fn build(
        &self,
        name: &str,
        context: Context,
        base: &str,
        reference: &str,
        fresh: bool,
    ) -> Result<(), SandboxError> {
        let failed = |detail: String| SandboxError::ImageBuild { name: name.to_owned(), detail };
        let options = BuildImageOptions {
            t: Some(reference.to_owned()),
            nocache: fresh,
            rm: true,
            forcerm: true,
            buildargs: Some(HashMap::from([("BASE".to_owned(), base.to_owned())])),
            labels: Some(HashMap::from([(IMAGE_LABEL.to_owned(), name.to_owned())])),
            ..BuildImageOptions::default()
        };
        let tar = context.into_tar().map_err(|error| failed(error.to_string()))?;
        let mut steps = std::pin::pin!(self.docker.build_image(
            options,
            None,
            Some(bollard::body_full(Bytes::from(tar)))
        ));
        let mut log = String::new();
        while let Some(step) = steps.next().await {
            match step {
                Ok(info) => {
                    log.push_str(&info.stream.unwrap_or_default());
                    if let Some(error) = info.error_detail.and_then(|detail| detail.message) {
                        return Err(failed(format!("{}\n{error}", tail(&log))));
                    }
                }
                Err(error) => return Err(failed(format!("{}\n{error}", tail(&log)))),
            }
        }
        Ok(())
    }

    /// Removes an image if it is there; one that is in use stays.
    pub(super) async fn forget(&self, reference: &str) {
        if let Err(error) = self.docker.remove_image(reference, None::<RemoveImageOptions>, None).await {
            tracing::debug!(reference, %error, "an image stays");
        }
    }

    /// Removes every image that we made, of whatever fingerprint. Images in use stay, and so do other names of a pulled one.
    ///
    /// # Errors
    /// The engine doesn't answer.
    pub async fn remove_all(&self) -> Result<(), SandboxError> {
        for reference in self.ours([("reference", "containrlab/*")], |image| image.repo_tags).await? {
            if reference.starts_with("containrlab/") {
                self.forget(&reference).await;
            }
        }
        // What is left: stages of builds and images whose name a newer build took. One can only go after those that are
        // based on it, and the list doesn't say which those are.
        for _ in 0..4 {
            for id in
                self.ours([("label", IMAGE_LABEL), ("dangling", "true")], |image| vec![image.id]).await?
            {
                self.forget(&id).await;
            }
        }
        Ok(())
    }

    async fn ours<const N: usize>(
        &self,
        filters: [(&str, &str); N],
        pick: impl Fn(ImageSummary) -> Vec<String>,
    ) -> Result<Vec<String>, SandboxError> {
        let filters = filters.map(|(filter, value)| (filter.to_owned(), vec![value.to_owned()])).into();
        let options = ListImagesOptions { filters: Some(filters), ..ListImagesOptions::default() };
        let images = self.docker.list_images(Some(options)).await;
        let images = images.map_err(|source| SandboxError::engine("list images", source))?;
        Ok(images.into_iter().flat_map(pick).collect())
    }
}

/// The end of a log.
pub(super) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
