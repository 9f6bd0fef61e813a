//! The engine outside, which holds the sandboxes: connected to, checked, asked since when it runs, and emptied before it stops.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bollard::Docker;
use bollard::models::SystemInfo;
use bollard::query_parameters::{ListContainersOptions, StopContainerOptions};
use jiff::Timestamp;

use super::SandboxError;
use super::network::status;

/// Where it listens unless told otherwise.
const USUAL: &str = "unix:///var/run/docker.sock";

/// Where Docker writes down its process unless told otherwise. Its socket may have been opened by a service manager.
const USUAL_PID_FILE: &str = "/var/run/docker.pid";

/// In how many parts of a second Linux tells when a process started.
const TICKS_PER_SECOND: u64 = 100;

/// Seconds that a container may take to stop before it is killed.
const STOP_SECONDS: i32 = 10;

/// Connects and asks for what the engine is; agrees on the newest version of its API that both sides know.
pub(super) async fn connect(address: Option<&str>) -> Result<(Docker, SystemInfo), SandboxError> {
    let host = address.unwrap_or(USUAL).to_owned();
    let unreachable = |source| SandboxError::EngineUnreachable { host: host.clone(), source };
    let docker = match address {
        Some(address) => Docker::connect_with_host(address),
        None => Docker::connect_with_defaults(),
    };
    let docker = docker.map_err(unreachable)?.negotiate_version().await.map_err(unreachable)?;
    let info = docker.info().await.map_err(unreachable)?;
    Ok((docker, info))
}

/// A runtime that the engine does not know would fail each start of a sandbox, one by one.
pub(super) fn check_runtime(wanted: Option<&str>, host: &SystemInfo) -> Result<(), SandboxError> {
    let known: BTreeSet<&str> = host.runtimes.iter().flatten().map(|(name, _)| name.as_str()).collect();
    match wanted {
        // Containerd's own names for runtimes (io.containerd.…) need not be in the engine's list.
        Some(runtime) if !known.contains(runtime) && !runtime.contains('.') => {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            Err(SandboxError::Runtime { runtime: runtime.to_owned(), known })
        }
        _ => Ok(()),
    }
}

/// Stops whatever runs on an engine that is about to stop: with live-restore it would leave all of it running, with nobody to look
/// after it. Says how many containers there were.
///
/// # Errors
/// The engine doesn't answer, or a container does not stop.
pub async fn stop_all_containers(address: &str) -> Result<usize, SandboxError> {
    let (docker, _) = connect(Some(address)).await?;
    let running = docker.list_containers(None::<ListContainersOptions>).await;
    let running = running.map_err(|source| SandboxError::engine("list containers", source))?;
    let ids: Vec<&str> = running.iter().filter_map(|container| container.id.as_deref()).collect();
    stop_containers(&docker, &ids).await
}

/// Stops these containers, side by side. Says how many there were.
pub(super) async fn stop_containers(docker: &Docker, ids: &[&str]) -> Result<usize, SandboxError> {
    let stops = ids.iter().map(|id| async move {
        let options = StopContainerOptions { t: Some(STOP_SECONDS), ..StopContainerOptions::default() };
        match docker.stop_container(id, Some(options)).await {
            // 304: it has stopped meanwhile; 404: it is gone.
            Err(error) if !matches!(status(&error), Some(304 | 404)) => {
                Err(SandboxError::engine("stop a container", error))
            }
            _ => Ok(()),
        }
    });
    futures::future::try_join_all(stops).await.map(|stopped| stopped.len())
}

/// Why a container that is dead had to die, if the engine or the machine was started anew since it started.
pub(super) async fn restarted_since(
    docker: &Docker,
    address: Option<&str>,
    started: Timestamp,
) -> Option<&'static str> {
    // Nothing is known of another machine.
    let socket = address.unwrap_or(USUAL).strip_prefix("unix://")?;
    if machine_started().is_some_and(|machine| started < machine) {
        return Some("machine_restarted");
    }
    // One that keeps containers over its own restart is not to blame.
    let keeps = docker.info().await.ok()?.live_restore_enabled.unwrap_or(false);
    let engine = engine_started(socket)?;
    (!keeps && started < engine).then_some("host_engine_restarted")
}

/// Since when the process of the engine at a socket runs; none if that can't be told.
fn engine_started(socket: &str) -> Option<Timestamp> {
    let stream = UnixStream::connect(socket).ok()?;
    let listener = rustix::net::sockopt::socket_peercred(&stream).ok()?.pid.as_raw_nonzero().get();
    let is_engine = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "dockerd")
    };
    let written_down = || std::fs::read_to_string(USUAL_PID_FILE).ok()?.trim().parse().ok();
    let pid = Some(listener).filter(is_engine).or_else(|| written_down().filter(is_engine))?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    machine_started()?.checked_add(ticks_at_start(&stat)?).ok()
}

/// When the machine started, by today's clock.
fn machine_started() -> Option<Timestamp> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Timestamp::now().checked_sub(Duration::try_from_secs_f64(seconds).ok()?).ok()
}

/// How long after the machine a process started, by its /proc/…/stat: the 22nd field, counted behind the name, which may hold
/// anything.
fn ticks_at_start(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_read_behind_its_name() {
        let stat = "42 (a) b 1) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 100";
        assert_eq!(ticks_at_start(stat), Some(Duration::from_millis(123_450)));
        assert_eq!(ticks_at_start("nothing"), None);
        let own = ticks_at_start(&std::fs::read_to_string("/proc/self/stat").unwrap()).unwrap();
        let started = machine_started().unwrap().checked_add(own).unwrap();
        assert!(started <= Timestamp::now() && started > machine_started().unwrap());
    }

    #[test]
    fn what_does_not_listen_started_at_no_time_that_is_known() {
        assert_eq!(engine_started("/nowhere/docker.sock"), None);
    }
}
