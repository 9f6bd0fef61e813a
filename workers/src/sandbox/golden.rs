//! The golden volume: an engine's store that already holds every lab image, made by a sandbox that loads them once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::StopContainerOptions;
use bytes::Bytes;
use containrlab_domain::ids::{LeaseId, SandboxId, SessionId};
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::create::Draft;
use super::{LEARNER_UID, Role, SandboxError, SandboxSpec, Sandboxes};
use crate::images::{ImageSet, Progress};

/// Raised when golden volumes have to be made anew although no image changed.
const RECIPE: &str = "1";

/// Seconds that the filling sandbox gets to put its engine's store in order.
const STOP_SECONDS: i32 = 30;

/// What every sandbox starts from.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// The sandbox image.
    pub(super) image: String,
    /// The golden volume's fingerprint.
    pub(super) golden: String,
    /// The images in it: by name, the engine's hash of their content.
    pub(super) images: BTreeMap<String, String>,
}

impl Sandboxes {
    /// Makes images and golden volume if they aren't there.
    pub(super) async fn make_golden(&self, progress: Progress<'_>) -> Result<Prepared, SandboxError> {
        let images = self.inner.images.ensure(false, progress).await?;
        let image = self.inner.settings.sandbox_image.clone().unwrap_or_else(|| images.sandbox.clone());
        let ids = self.image_ids(&images).await?;
        let golden = self.golden_fingerprint(&images, &ids).await?;
        let named = images.labs.iter().zip(&ids);
        let named = named.flat_map(|(image, id)| image.names.iter().map(|name| (name.clone(), id.clone())));
        let prepared = Prepared { image, golden, images: named.collect() };
        if self.inner.store.has_golden(&prepared.golden) {
            // Whoever fills one holds the lock that we hold.
            self.inner.store.delete_staged().await?;
            return Ok(prepared);
        }
        progress("Putting the lab images into the engine's store");
        let started = Instant::now();
        let staged = self.inner.store.stage().await?;
        let filled = self.fill(&prepared, &images, &staged).await;
        match filled {
            Ok(()) => self.inner.store.commit(&staged, &prepared.golden).await?,
            Err(error) => {
                self.inner.store.delete_path(&staged).await?;
                return Err(error);
            }
        }
        progress(&format!("The engine's store is ready ({:.1} s)", started.elapsed().as_secs_f64()));
        Ok(prepared)
    }

    /// Of what is in the volume: the images' contents and names, and the engine that wrote it.
    async fn golden_fingerprint(&self, images: &ImageSet, ids: &[String]) -> Result<String, SandboxError> {
        let mut digest = Sha256::new();
        digest.update(format!("{RECIPE}\n{}\n", images.sandbox_engine));
        digest.update(self.inner.settings.site.docker_config().unwrap_or_default());
        if let Some(own) = &self.inner.settings.sandbox_image {
            digest.update(format!("{own} {}\n", self.image_id(own).await?));
        }
        for (image, id) in images.labs.iter().zip(ids) {
            digest.update(format!("{id} {:?}\n", image.names));
        }
        let mut text = hex::encode(digest.finalize());
        text.truncate(16);
        Ok(text)
    }

    /// The lab images' ids, in their order.
    async fn image_ids(&self, images: &ImageSet) -> Result<Vec<String>, SandboxError> {
        let mut ids = Vec::with_capacity(images.labs.len());
        for image in &images.labs {
            ids.push(self.image_id(&image.reference).await?);
        }
        Ok(ids)
    }

    async fn image_id(&self, reference: &str) -> Result<String, SandboxError> {
        let image = self.inner.docker.inspect_image(reference).await;
        let image = image.map_err(|source| SandboxError::engine("look at an image", source))?;
        Ok(image.id.unwrap_or_default())
    }

    /// Runs a sandbox on an empty volume, puts everything into it and stops it in good order.
    async fn fill(&self, prepared: &Prepared, images: &ImageSet, volume: &Path) -> Result<(), SandboxError> {
        let spec = SandboxSpec {
            id: SandboxId(Uuid::new_v4()),
            role: Role::Golden,
            session: SessionId(Uuid::nil()),
            lease: LeaseId(Uuid::nil()),
        };
        // Also on success: what is to stay is the volume, which is not this sandbox's by name.
        let _draft = Draft::new(self, spec.id);
        let sandbox = self.start(prepared, volume, spec).await?;
        let container = sandbox.container();

        self.command(
            container,
            &["cp", "--recursive", "--no-clobber", "/etc/skel/.", "/home/learner"],
            no_input(),
        )
        .await?;
        if let Some(config) = self.inner.settings.site.docker_config() {
            let write = "mkdir -p /home/learner/.docker && cat > /home/learner/.docker/config.json";
            let input = futures::stream::iter([Ok(Bytes::from(config))]);
            self.command(container, &["sh", "-c", write], input).await?;
        }
        let references: Vec<&str> = images.labs.iter().map(|image| image.reference.as_str()).collect();
        let archive = self.inner.docker.export_images(&references);
        self.command(container, &["docker", "load", "--quiet"], archive).await?;
        for image in &images.labs {
            for name in &image.names {
                self.command(container, &["docker", "tag", &image.reference, name], no_input()).await?;
            }
            self.command(container, &["docker", "rmi", &image.reference], no_input()).await?;
        }

        let options = StopContainerOptions { t: Some(STOP_SECONDS), ..StopContainerOptions::default() };
        let stopped = self.inner.docker.stop_container(container, Some(options)).await;
        stopped.map_err(|source| SandboxError::engine("stop the sandbox that fills the store", source))?;
        self.remove_container(container).await
    }

    /// Runs a command in a container as the learner, with some input; its output is only for the error.
    pub(super) async fn command(
        &self,
        container: &str,
        command: &[&str],
        input: impl Stream<Item = Result<Bytes, bollard::errors::Error>> + Send,
    ) -> Result<(), SandboxError> {
        let doing = |source| SandboxError::engine("run a command in a sandbox", source);
        let docker = &self.inner.docker;
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            user: Some(format!("{LEARNER_UID}:{LEARNER_UID}")),
            env: Some(vec![
                format!("DOCKER_HOST=unix:///run/user/{LEARNER_UID}/docker.sock"),
                "HOME=/home/learner".to_owned(),
            ]),
            cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
            ..CreateExecOptions::default()
        };
        let exec = docker.create_exec(container, options).await.map_err(doing)?.id;
        let StartExecResults::Attached { mut output, input: mut stdin } =
            docker.start_exec(&exec, None).await.map_err(doing)?
        else {
            return Err(SandboxError::Golden(format!("`{}` could not be attached to", command.join(" "))));
        };
        let mut said = String::new();
        let feed = async {
            let mut input = std::pin::pin!(input);
            while let Some(part) = input.next().await {
                // A command that ended early says why by itself.
                if stdin.write_all(&part.map_err(doing)?).await.is_err() {
                    break;
                }
            }
            let _ = stdin.shutdown().await;
            Ok::<(), SandboxError>(())
        };
        let listen = async {
            while let Some(part) = output.next().await {
                if let LogOutput::StdErr { message } | LogOutput::StdOut { message } = part.map_err(doing)? {
                    said.push_str(&String::from_utf8_lossy(&message));
                }
            }
            Ok(())
        };
        tokio::try_join!(feed, listen)?;
        match docker.inspect_exec(&exec).await.map_err(doing)?.exit_code {
            Some(0) => Ok(()),
            code => Err(SandboxError::Golden(format!(
                "`{}` ended with {code:?}: {}",
                command.join(" "),
                said.trim()
            ))),
        }
    }
}

pub(super) fn no_input() -> impl Stream<Item = Result<Bytes, bollard::errors::Error>> + Send {
    futures::stream::empty()
}
