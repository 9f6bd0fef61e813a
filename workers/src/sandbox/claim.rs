//! How a warm sandbox becomes somebody's.
//!
//! Docker never changes a container's labels, but it changes a container's name, in one step that survives every crash. So whose
//! a warm sandbox has become stands in its name, and what the name says goes before what the labels say. A container that still
//! has the name that it was made with has been touched by nobody.
//!
//! ```text
//! containrlab-<sandbox>                                    warm
//! containrlab-<sandbox>.<role>.<session>.<lease>           claimed
//! ```

use bollard::models::ContainerSummary;
use bollard::query_parameters::RenameContainerOptions;

use super::network::status;
use super::{Role, SandboxError, SandboxSpec, Sandboxes, container};

impl Sandboxes {
    /// Makes a warm sandbox that of a session or of a verifier. Docker lets two renames in the same instant both succeed: it
    /// is for the caller to offer each sandbox to one at a time.
    ///
    /// # Errors
    /// [`SandboxError::Gone`] when it is not there, or not warm any more. After any other error it is unknown whose it is.
    pub async fn claim(&self, spec: SandboxSpec) -> Result<(), SandboxError> {
        let options = RenameContainerOptions { name: claimed(&spec) };
        match self.inner.docker.rename_container(&container::name(spec.id), options).await {
            Ok(()) => Ok(()),
            Err(error) if status(&error) == Some(404) => Err(SandboxError::Gone(spec.id)),
            Err(source) => Err(SandboxError::engine("hand out a warm sandbox", source)),
        }
    }

    /// Whether it was made as it would be made now.
    pub(super) async fn is_up_to_date(&self, warm: &ContainerSummary) -> bool {
        let label = warm.labels.as_ref().and_then(|labels| labels.get(super::labels::RECIPE));
        let prepared = self.inner.prepared.read().await;
        let recipe = prepared.as_ref().map(|prepared| container::recipe(&self.inner.settings, prepared));
        label.is_some() && label == recipe.as_ref()
    }
}

/// What a container is for, by its labels or, once it was claimed, by its name; none if it isn't ours.
pub(super) fn spec_of(container: &ContainerSummary) -> Option<SandboxSpec> {
    let made = SandboxSpec::of(container.labels.as_ref()?)?;
    if made.role != Role::Warm {
        return Some(made);
    }
    let names = container.names.iter().flatten();
    Some(names.filter_map(|name| read(&made, name)).next().unwrap_or(made))
}

fn claimed(spec: &SandboxSpec) -> String {
    let SandboxSpec { id, role, session, lease } = spec;
    format!("{}.{}.{session}.{lease}", container::name(*id), role.as_str())
}

/// What a name says that a warm sandbox has become.
fn read(made: &SandboxSpec, name: &str) -> Option<SandboxSpec> {
    let mut parts = name.trim_start_matches('/').split('.');
    if parts.next()? != container::name(made.id) {
        return None;
    }
    let role = Role::parse(parts.next()?)?;
    Some(SandboxSpec {
        id: made.id,
        role,
        session: parts.next()?.parse().ok()?,
        lease: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use containrlab_domain::ids::{LeaseId, RunnerId, SandboxId, SessionId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_claimed_sandbox_is_what_its_name_says() {
        let id = SandboxId(Uuid::from_u128(1));
        let (nobody, no_lease) = (SessionId(Uuid::nil()), LeaseId(Uuid::from_u128(2)));
        let warm = SandboxSpec { id, role: Role::Warm, session: nobody, lease: no_lease };
        let listed = |name: String| ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            labels: Some(warm.labels("test", RunnerId(Uuid::from_u128(3)))),
            ..ContainerSummary::default()
        };
        assert_eq!(spec_of(&listed(container::name(id))), Some(warm));
        for role in [Role::Session, Role::Verifier] {
            let spec = SandboxSpec {
                id,
                role,
                session: SessionId(Uuid::from_u128(4)),
                lease: LeaseId(Uuid::from_u128(5)),
            };
            assert_eq!(spec_of(&listed(claimed(&spec))), Some(spec));
        }
        let mut foreign = listed("x".to_owned());
        foreign.labels = None;
        assert_eq!(spec_of(&foreign), None);
    }
}
