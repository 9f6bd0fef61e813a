//! What `containrlab bench` compares sandboxes with.

use std::time::{Duration, Instant};

use bollard::query_parameters::CreateContainerOptions;
use containrlab_domain::ids::{LeaseId, SandboxId, SessionId};
use uuid::Uuid;

use super::create::Draft;
use super::{Role, SandboxError, SandboxSpec, Sandboxes, container};

/// Asks the engine in a container until it answers, as often as it can.
const UNTIL_IT_ANSWERS: &str = "until curl --silent --fail --output /dev/null --unix-socket /run/user/1000/docker.sock \
                                http://engine/_ping; do sleep 0.01; done";

impl Sandboxes {
    /// How long a plain `docker run` of the sandbox's image takes until the engine in it answers: the same configuration, a
    /// volume that is there already, and nothing else of what a session needs. Removed again after the time was taken.
    ///
    /// # Errors
    /// As for [`Sandboxes::create`].
    pub async fn run_plainly(&self) -> Result<Duration, SandboxError> {
        let inner = &*self.inner;
        let prepared = inner.prepared.read().await.clone().ok_or(SandboxError::NotPrepared)?;
        let (session, lease) = (SessionId(Uuid::nil()), LeaseId(Uuid::nil()));
        let spec = SandboxSpec { id: SandboxId(Uuid::now_v7()), role: Role::Verifier, session, lease };
        let draft = Draft::new(self, spec.id);
        let volume = inner.store.create(&prepared.golden, spec.id, inner.settings.limits.disk_bytes).await?;
        let body =
            container::body(&inner.settings, &inner.host, &prepared, &inner.network.name, &volume, &spec);
        let doing = |source| SandboxError::engine("run the sandbox's image", source);
        let started = Instant::now();
        let options = CreateContainerOptions {
            name: Some(container::name(spec.id)),
            ..CreateContainerOptions::default()
        };
        let made = inner.docker.create_container(Some(options), body).await.map_err(doing)?;
        inner.docker.start_container(&made.id, None).await.map_err(doing)?;
        self.command(&made.id, &["sh", "-c", UNTIL_IT_ANSWERS], super::golden::no_input()).await?;
        let took = started.elapsed();
        self.remove(spec.id).await?;
        draft.keep();
        Ok(took)
    }

    /// The name on the host's engine of the image that sandboxes have under this name.
    ///
    /// # Errors
    /// The engine doesn't answer.
    pub async fn host_image(&self, name: &str) -> Result<Option<String>, SandboxError> {
        let images = self.inner.images.present().await?;
        let labs = images.into_iter().flat_map(|images| images.labs);
        Ok(labs
            .into_iter()
            .find(|image| image.names.iter().any(|known| known == name))
            .map(|image| image.reference))
    }
}
