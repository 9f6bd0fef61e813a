//! The network that an installation's sandboxes are on: outwards yes, to one another no.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::NetworkCreateRequest;
use sha2::{Digest, Sha256};

use super::egress::AllowList;
use super::labels::INSTALLATION;
use super::{SandboxError, SandboxSettings, firewall};

/// The network of an installation.
#[derive(Debug, Clone)]
pub(super) struct SandboxNetwork {
    /// Its name on the engine.
    pub(super) name: String,
    /// The name of its bridge on the host; also names the firewall's chains.
    bridge: String,
    installation: String,
}

impl SandboxNetwork {
    /// Names the network of an installation, without making it.
    pub(super) fn of(installation: &str) -> Self {
        // An interface's name has at most 15 characters.
        let digest = hex::encode(Sha256::digest(installation));
        Self {
            name: format!("containrlab-{installation}"),
            bridge: format!("clab-{}", &digest[..10]),
            installation: installation.to_owned(),
        }
    }

    /// Makes the network if it isn't there.
    pub(super) async fn ensure(&self, docker: &Docker) -> Result<(), SandboxError> {
        let request = NetworkCreateRequest {
            name: self.name.clone(),
            driver: Some("bridge".to_owned()),
            enable_ipv6: Some(false),
            options: Some(HashMap::from([
                // No packet from one sandbox to another.
                ("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned()),
                ("com.docker.network.bridge.name".to_owned(), self.bridge.clone()),
            ])),
            labels: Some(HashMap::from([(INSTALLATION.to_owned(), self.installation.clone())])),
            ..NetworkCreateRequest::default()
        };
        match docker.inspect_network(&self.name, None).await {
            Ok(_) => {}
            Err(error) if status(&error) == Some(404) => match docker.create_network(request).await {
                Ok(_) => {}
                // Another process of the installation was quicker.
                Err(error) if status(&error) == Some(409) => {}
                Err(source) => return Err(SandboxError::engine("make the sandboxes' network", source)),
            },
            Err(source) => return Err(SandboxError::engine("look for the sandboxes' network", source)),
        }
        Ok(())
    }

    /// Sets the firewall to what the policy comes down to now.
    pub(super) async fn close(
        &self,
        settings: &SandboxSettings,
        allowed: &AllowList,
    ) -> Result<(), SandboxError> {
        let SandboxSettings { egress, dns, .. } = settings;
        let resolvers = if dns.is_empty() { firewall::resolvers_of_host() } else { dns.clone() };
        let closed = firewall::close(&self.bridge, *egress, &allowed.ranges().await, &resolvers).await;
        closed.map_err(|error| SandboxError::Egress { policy: *egress, source: Box::new(error) })
    }

    /// Removes the network and its rules; fine if they aren't there.
    pub(super) async fn remove(&self, docker: &Docker) -> Result<(), SandboxError> {
        match docker.remove_network(&self.name).await {
            Ok(()) => {}
            Err(error) if status(&error) == Some(404) => {}
            Err(source) => return Err(SandboxError::engine("remove the sandboxes' network", source)),
        }
        if let Err(error) = firewall::open(&self.bridge).await {
            tracing::debug!(%error, "the network's firewall rules stay");
        }
        Ok(())
    }
}

/// The engine's status code, if it answered with one.
pub(super) fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
