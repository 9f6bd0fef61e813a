//! The Docker engine that holds the sandboxes: one that runs on this machine, or a private one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use containrlab_workers::sandbox::stop_all_containers;

use super::{Ready, Service, docker_network, programs};
use crate::failure::Failure;
use crate::process::{Launch, Running};
use crate::settings::Docker;
use crate::state::{Lock, Remembered, StateDir};

/// Where Docker listens unless told otherwise.
const USUAL: &str = "unix:///var/run/docker.sock";

/// An engine that takes work.
#[derive(Debug)]
pub(crate) struct Engine {
    /// As in `DOCKER_HOST`.
    pub(crate) host: String,
    /// Where it came from, for people.
    pub(crate) origin: &'static str,
    /// Our hold on the private engine, if it is that.
    private: Option<Private>,
}

/// A share in the private engine. Several commands may use it at once (`up` and a test run); the last one stops it, see
/// [`stop_unused`].
#[derive(Debug)]
struct Private {
    service: Service,
    running: Running,
    /// The lock that says that somebody uses the engine.
    _share: File,
}

impl Engine {
    /// Finds the engine that `DOCKER_HOST` names, the machine's own, or starts a private one.
    pub(crate) async fn find_or_start(wanted: &Docker, state: &StateDir) -> Result<Self, Failure> {
        if let Some(host) = &wanted.host {
            if (Ready::Docker { host: host.clone() }).is().await {
                return Ok(Self { host: host.clone(), origin: "named by DOCKER_HOST", private: None });
            }
            return Err(Failure::Docker {
                problem: format!("No Docker engine answers at DOCKER_HOST={host}"),
                mend: "Start it, correct DOCKER_HOST, or unset it to use a private engine.".into(),
            });
        }
        if (Ready::Docker { host: USUAL.into() }).is().await {
            return Ok(Self { host: USUAL.into(), origin: "the one that runs here", private: None });
        }
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::Docker {
                problem: "No Docker engine answers, and only root can start one".into(),
                mend: "Start Docker (as root: service docker start) and join its group (usermod -aG docker $USER, \
                       then log in anew), name another in DOCKER_HOST, or run this as root."
                    .into(),
            });
        }
        Self::private(state).await
    }

    /// The private engine's process and how it is kept, for whoever watches over it.
    pub(crate) fn watched(&self) -> Option<(Service, Running)> {
        self.private.as_ref().map(|private| (private.service.clone(), private.running.clone()))
    }

    /// Starts the private engine, or takes a share in it.
    pub(crate) async fn private(state: &StateDir) -> Result<Self, Failure> {
        let starting = wait_for_lock(state, "docker-start", Lock::Alone).await?;
        let share = wait_for_lock(state, "docker-use", Lock::Shared).await?;
        let (service, host, bridge) = prepare(state)?;
        bridge.make()?;
        let running = service.start().await?;
        drop(starting);
        let private = Private { service, running, _share: share };
        Ok(Self { host, origin: "private", private: Some(private) })
    }
}

/// Stops the private engine of this state folder, if it runs and nobody uses it: whoever used it drops their [`Engine`] first. Says
/// whether there was one to stop.
pub(crate) async fn stop_unused(state: &StateDir) -> Result<bool, Failure> {
    let Some(running) = state.pid_file("docker").living().and_then(Running::open) else { return Ok(false) };
    // Nobody may begin to use it between the look and the stop.
    let _starting = wait_for_lock(state, "docker-start", Lock::Alone).await?;
    if state.lock("docker-use", Lock::Alone)?.is_none() {
        return Ok(false);
    }
    // It would leave them running for its next start, which may never come. One that doesn't answer can't be helped.
    if let Err(error) = stop_all_containers(&private_host(state)?).await {
        tracing::warn!(%error, "containers of the private Docker engine may run on");
    }
    running.stop(Signal::TERM, GRACE).await;
    state.pid_file("docker").remove();
    Bridge::of(state.installation()?.id()).remove();
    Ok(true)
}

/// Containers get 10 seconds to stop, and dockerd waits 15.
const GRACE: Duration = Duration::from_secs(40);

/// The folder for the private engine's sockets and run-time state: short, because a socket's path has at most 107 bytes, and
/// empty after the machine's restart, as such state must be.
fn runtime_folder(id: &str) -> PathBuf {
    Path::new("/run").join(format!("containrlab-{id}"))
}

/// The private engine's address, as in `DOCKER_HOST`.
pub(crate) fn private_host(state: &StateDir) -> Result<String, Failure> {
    Ok(format!("unix://{}", runtime_folder(state.installation()?.id()).join("docker.sock").display()))
}

fn prepare(state: &StateDir) -> Result<(Service, String, Bridge), Failure> {
    let program = programs::find("dockerd", "docker.io")?;
    programs::find("iptables", "iptables")?;
    let mut installation = state.installation()?;
    let runtime = runtime_folder(installation.id());
    let bridge = Bridge::of(installation.id());
    let block = docker_network::choose(installation.recall(Remembered::DockerNetwork), &bridge.name)?;
    installation.remember(Remembered::DockerNetwork, block.to_string())?;
    installation.record_outside(&runtime)?;
    for folder in [&runtime, &state.path("docker")] {
        std::fs::create_dir_all(folder)
            .map_err(Failure::file(format!("make the folder {}", folder.display())))?;
    }
    let host = private_host(state)?;
    let launch = Launch::new(program, state.log("docker")).arguments([
        "--data-root".into(),
        state.path("docker").join("data").into_os_string(),
        "--exec-root".into(),
        runtime.join("exec").into_os_string(),
        "--pidfile".into(),
        runtime.join("dockerd.pid").into_os_string(),
        "--host".into(),
        host.clone().into(),
        // A bridge of our own: two engines can't share docker0.
        "--bridge".into(),
        bridge.name.clone().into(),
        "--default-address-pool".into(),
        block.pool().into(),
        "--ip6tables=false".into(),
        "--userland-proxy=false".into(),
        // Sandboxes live on when the engine is killed or started anew.
        "--live-restore".into(),
        "--log-level=warn".into(),
    ]);
    let launch = launch.child(runtime.join("exec/containerd/containerd.pid"));
    let service = Service {
        name: "Docker engine",
        launch,
        ready: Ready::Docker { host: host.clone() },
        patience: Duration::from_secs(60),
        stop: Signal::TERM,
        grace: GRACE,
        pid_file: state.pid_file("docker"),
    };
    let bridge = Bridge { address: Some(block.bridge()), ..bridge };
    Ok((service, host, bridge))
}

/// The network bridge of the private engine, which dockerd wants to find ready.
#[derive(Debug)]
struct Bridge {
    name: String,
    address: Option<String>,
}

impl Bridge {
    fn of(id: &str) -> Self {
        Self { name: format!("clab{id}"), address: None }
    }

    /// Makes the bridge, or corrects the one that is there.
    fn make(&self) -> Result<(), Failure> {
        if !Path::new("/sys/class/net").join(&self.name).exists() {
            ip(&["link", "add", "name", &self.name, "type", "bridge"])?;
        }
        if let Some(address) = &self.address {
            ip(&["address", "flush", "dev", &self.name])?;
            ip(&["address", "add", address, "dev", &self.name])?;
        }
        ip(&["link", "set", "dev", &self.name, "up"])
    }

    fn remove(&self) {
        // Gone already, or still used by somebody: neither is ours to worry about.
        let _ = ip(&["link", "delete", "dev", &self.name]);
    }
}

/// Removes the bridges that a private engine's networks left behind: an engine that is killed doesn't, and its data is about to go.
pub(crate) fn remove_bridges(state: &StateDir) -> Result<(), Failure> {
    let installation = state.installation()?;
    let Some(block) = installation.recall(Remembered::DockerNetwork) else { return Ok(()) };
    let listed = std::process::Command::new(programs::find("ip", "iproute2")?)
        .args(["-oneline", "-4", "address", "show"])
        .output()
        .map_err(Failure::file("run ip"))?;
    for name in bridges_in(&String::from_utf8_lossy(&listed.stdout), block) {
        // Gone meanwhile is as good.
        let _ = ip(&["link", "delete", "dev", &name]);
    }
    Ok(())
}

/// The bridges with an address that begins with a block's two numbers. Nobody else had addresses there when it was chosen.
fn bridges_in(listed: &str, block: &str) -> Vec<String> {
    listed
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (name, address) = (fields.next()?, fields.nth(1)?);
            let ours = (name.starts_with("br-") || name.starts_with("clab"))
                && address.starts_with(&format!("{block}."));
            ours.then(|| name.to_owned())
        })
        .collect()
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    let program = programs::find("ip", "iproute2")?;
    let output =
        std::process::Command::new(program).args(arguments).output().map_err(Failure::file("run ip"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::Docker {
        problem: format!(
            "The private Docker engine's network can't be made (ip {}: {})",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        mend: "Start a Docker engine yourself and name it in DOCKER_HOST.".into(),
    })
}

/// Waits for a lock that others hold only while they start or stop the engine.
async fn wait_for_lock(state: &StateDir, name: &str, how: Lock) -> Result<File, Failure> {
    const LONGEST: Duration = Duration::from_secs(120);
    let started = Instant::now();
    loop {
        if let Some(file) = state.lock(name, how)? {
            return Ok(file);
        }
        if started.elapsed() > LONGEST {
            return Err(Failure::Docker {
                problem:
                    "Another command has been starting or stopping the private Docker engine for two minutes"
                        .into(),
                mend: "Wait for it, or stop it.".into(),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bridges_with_our_addresses_are_ours() {
        let listed = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n\
                      2: eth0    inet 172.30.0.9/24 brd 172.30.0.255 scope global eth0\\  valid_lft forever\n\
                      7: br-3e32    inet 172.30.128.1/24 brd 172.30.128.255 scope global br-3e32\\  valid_lft forever\n\
                      8: clab-12ab    inet 172.30.129.1/24 scope global clab-12ab\\  valid_lft forever\n\
                      9: br-77aa    inet 172.18.0.1/16 scope global br-77aa\\  valid_lft forever\n";
        assert_eq!(bridges_in(listed, "172.30"), ["br-3e32", "clab-12ab"]);
    }
}
