//! A sandbox's container: what it may, what it sees, what bounds it.

use bollard::models::{
    ContainerCreateBody, DeviceMapping, HostConfig, HostConfigCgroupnsModeEnum, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, SystemInfo,
};
use containrlab_domain::ids::SandboxId;
use sha2::{Digest, Sha256};
use std::path::Path;

use super::golden::Prepared;
use super::labels::{RECIPE, Role, SandboxSpec};
use super::settings::SandboxSettings;
use super::volumes::FOLDERS;

/// System calls that a sandbox may make. The file says why for each that goes beyond Docker's default.
const SECCOMP: &str = include_str!("seccomp.json");

/// All that process 1 keeps of root's powers. Nobody else in a sandbox starts with any, and the learner can't get at
/// one outside of a user namespace.
///
/// - CHOWN, FOWNER: the agent opens devices to the learner and makes the learner's run-time folder;
/// - MKNOD: the kernel asks for it in the bounding set when the engine, root in its user namespace, lays down whiteouts;
/// - SETUID, SETGID: the agent becomes the learner, and newuidmap and newgidmap write the maps of their user namespace.
const CAPABILITIES: [&str; 5] = ["CHOWN", "FOWNER", "MKNOD", "SETGID", "SETUID"];

/// /dev/net/tun for the engine's user-mode network, /dev/fuse for fuse-overlayfs where the kernel's overlay can't be had.
const DEVICES: [&str; 2] = ["/dev/net/tun", "/dev/fuse"];

/// Seconds that a sandbox's agent gets to stop the engine before it is killed.
const STOP_SECONDS: i64 = 10;

/// The name that a sandbox's container is made with; that of a warm one changes when it is claimed.
pub(super) fn name(id: SandboxId) -> String {
    format!("containrlab-{id}")
}

/// The configuration of a sandbox's container.
pub(super) fn body(
    settings: &SandboxSettings,
    host: &SystemInfo,
    prepared: &Prepared,
    network: &str,
    volume: &Path,
    spec: &SandboxSpec,
) -> ContainerCreateBody {
    let mut config = HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        security_opt: Some(security_options(host)),
        // The kernel lets a user namespace mount a /proc of its own only where nothing of the outer one is covered. Whoever is
        // root here could therefore write to /proc/sys: nothing in the image lets the learner become that.
        masked_paths: Some(Vec::new()),
        readonly_paths: Some(Vec::new()),
        // Whatever is written lies on the volume, under its quota, or in memory, under the memory's limit.
        readonly_rootfs: Some(true),
        mounts: Some(FOLDERS.iter().map(|(folder, place, _)| bind(&volume.join(folder), place)).collect()),
        devices: Some(DEVICES.iter().map(|path| device(path)).collect()),
        network_mode: Some(network.to_owned()),
        dns: Some(settings.dns.iter().map(ToString::to_string).collect()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        ipc_mode: Some("private".to_owned()),
        runtime: settings.runtime.clone(),
        ..HostConfig::default()
    };
    settings.limits.apply(&mut config);
    if spec.role == Role::Golden {
        // Nobody has to share with it: everybody waits for it.
        config.nano_cpus = None;
    }
    let mut labels = spec.labels(&settings.installation, settings.runner);
    labels.insert(RECIPE.to_owned(), recipe(settings, prepared));
    ContainerCreateBody {
        hostname: Some("lab".to_owned()),
        image: Some(prepared.image.clone()),
        labels: Some(labels),
        env: settings.site.container_environment(),
        stop_timeout: Some(STOP_SECONDS),
        host_config: Some(config),
        ..ContainerCreateBody::default()
    }
}

/// Of all that decides what a sandbox is like, but for what is its own. One that was made by another recipe is not handed out.
pub(super) fn recipe(settings: &SandboxSettings, prepared: &Prepared) -> String {
    let SandboxSettings { limits, runtime, site, dns, .. } = settings;
    let mut digest = Sha256::new();
    digest.update(format!(
        "{prepared:?} {limits:?} {runtime:?} {site:?} {dns:?} {CAPABILITIES:?} {DEVICES:?} {FOLDERS:?} {SECCOMP}"
    ));
    let mut text = hex::encode(digest.finalize());
    text.truncate(16);
    text
}

/// Our seccomp profile always. AppArmor's and SELinux's profiles for containers forbid every mount, which a rootless
/// engine can't do without; the user namespace and seccomp stand in their place.
fn security_options(host: &SystemInfo) -> Vec<String> {
    let mut options = vec![format!("seccomp={SECCOMP}")];
    let has = |name: &str| host.security_options.iter().flatten().any(|option| option.contains(name));
    if has("name=apparmor") {
        options.push("apparmor=unconfined".to_owned());
    }
    if has("name=selinux") {
        options.push("label=disable".to_owned());
    }
    options
}

fn bind(source: &Path, target: &str) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.display().to_string()),
        target: Some(target.to_owned()),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

fn device(path: &str) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(path.to_owned()),
        path_in_container: Some(path.to_owned()),
        cgroup_permissions: Some("rwm".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use containrlab_domain::ids::{LeaseId, RunnerId, SessionId};
    use uuid::Uuid;

    use super::*;
    use crate::images::ImageSettings;

    #[test]
    fn a_sandbox_is_not_privileged_and_sees_only_its_volume() {
        let settings =
            SandboxSettings::new("test", RunnerId(Uuid::nil()), "/state".into(), ImageSettings::default());
        let id = SandboxId(Uuid::nil());
        let spec = SandboxSpec {
            id,
            role: Role::Session,
            session: SessionId(Uuid::nil()),
            lease: LeaseId(Uuid::nil()),
        };
        let prepared = Prepared { image: "image".to_owned(), golden: "golden".to_owned(), images: [].into() };
        let body =
            body(&settings, &SystemInfo::default(), &prepared, "net", Path::new("/state/volumes/x"), &spec);
        let config = body.host_config.unwrap();
        assert_eq!(config.privileged, None);
        assert_eq!(config.cap_drop.as_deref(), Some(&["ALL".to_owned()][..]));
        assert!(!config.cap_add.unwrap().iter().any(|capability| capability.contains("SYS")));
        assert_eq!(config.readonly_rootfs, Some(true));
        assert_eq!(config.binds, None);
        for mount in config.mounts.unwrap() {
            assert!(mount.source.unwrap().starts_with("/state/volumes/x/"));
        }
    }

    #[test]
    fn the_seccomp_profile_denies_by_default_and_explains_each_rule() {
        let profile: serde_json::Value = serde_json::from_str(SECCOMP).unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let rules = profile["syscalls"].as_array().unwrap();
        for rule in rules {
            assert!(rule["comment"].as_str().unwrap().len() > 20, "{rule}");
        }
        let allowed = |name: &str| {
            let mut names = rules.iter().flat_map(|rule| rule["names"].as_array().unwrap());
            names.any(|listed| listed == name)
        };
        for forbidden in [
            "bpf",
            "init_module",
            "finit_module",
            "kexec_load",
            "open_by_handle_at",
            "add_key",
            "io_uring_setup",
        ] {
            assert!(!allowed(forbidden), "{forbidden}");
        }
        assert!(allowed("unshare") && allowed("sethostname"));
    }
}
