//! A Docker engine that a test has for itself, so that it can kill it: with sockets, folders and a network namespace of its own, in
//! which it disturbs no other engine's addresses and firewall rules.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::query_parameters::{ImportImageOptions, ListContainersOptions, RemoveContainerOptions};
use containrlab_workers::images::Images;
use containrlab_workers::sandbox::SandboxSettings;
use futures::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The engine. All of it is removed from the machine in the end, however that comes about.
pub(crate) struct OwnEngine {
    name: String,
    /// For sockets, whose paths have to be short.
    runtime: PathBuf,
    data: PathBuf,
    live_restore: bool,
    process: Option<Child>,
}

impl OwnEngine {
    /// Starts one with its data beneath a folder.
    pub(crate) async fn start(folder: PathBuf, live_restore: bool) -> Self {
        let name = format!("clabtest{}", &Uuid::new_v4().simple().to_string()[..8]);
        let (runtime, data) = (PathBuf::from("/run").join(&name), folder.join(&name));
        let mut engine = Self { name, runtime, data, live_restore, process: None };
        for folder in [&engine.runtime, &engine.data] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        run("ip", &["netns", "add", &engine.name]);
        run("ip", &["-n", &engine.name, "link", "set", "lo", "up"]);
        engine.start_again().await;
        engine
    }

    /// Its address, as in `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.runtime.join("docker.sock").display())
    }

    /// Kills it, and nothing that it started.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it lives");
            process.wait().expect("it ends");
        }
    }

    /// Starts it, on what the one before left.
    pub(crate) async fn start_again(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // It would take the containerd that was killed with it for alive as long as nobody has reaped it.
        while self.containerd_is_there() {
            assert!(Instant::now() < deadline, "containerd outlives its engine");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.launch();
        while self.docker().await.is_none() {
            if let Some(ended) = self.process.as_mut().and_then(|process| process.try_wait().expect("asked"))
            {
                panic!("the engine ended with {ended}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the engine does not answer:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn containerd_is_there(&self) -> bool {
        let pid = std::fs::read_to_string(self.runtime.join("exec/containerd/containerd.pid"));
        pid.is_ok_and(|pid| std::fs::exists(format!("/proc/{}", pid.trim())).unwrap_or(false))
    }

    fn launch(&mut self) {
        let path = |name: &str| self.runtime.join(name).display().to_string();
        let log =
            std::fs::File::options().create(true).append(true).open(self.data.join("log")).expect("a log");
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.name))
            .args(["dockerd", "--log-level=warn", "--userland-proxy=false", "--ip6tables=false"])
            .args(["--host", &self.host(), "--exec-root", &path("exec"), "--pidfile", &path("dockerd.pid")])
            .arg("--data-root")
            .arg(self.data.join("data"))
            .args(self.live_restore.then_some("--live-restore"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log);
        self.process = Some(command.spawn().expect("nsenter, of util-linux, and dockerd"));
    }

    /// The way to it, if it answers.
    pub(crate) async fn docker(&self) -> Option<Docker> {
        let docker = Docker::connect_with_host(&self.host()).ok()?.negotiate_version().await.ok()?;
        docker.ping().await.ok().map(|_| docker)
    }

    /// Copies from another engine the images that these settings want.
    pub(crate) async fn take_images(&self, settings: &SandboxSettings) {
        let from = settings.docker_host.as_deref().expect("another engine");
        let from = Docker::connect_with_host(from).expect("DOCKER_HOST");
        let from = from.negotiate_version().await.expect("the other engine answers");
        let images = Images::new(from.clone(), settings.images.clone());
        let images = images.ensure(false, &|line| println!("{line}")).await.expect("the images");
        let labs = images.labs.iter().map(|image| image.reference.as_str());
        let references: Vec<&str> = labs.chain([images.sandbox.as_str()]).collect();
        let archive = from.export_images(&references).map(|part| part.expect("the archive"));
        let docker = self.docker().await.expect("it answers");
        let body = bollard::body_stream(archive);
        let mut loading = std::pin::pin!(docker.import_image(ImportImageOptions::default(), body, None));
        while let Some(part) = loading.next().await {
            part.expect("it takes them");
        }
    }

    /// What it holds and what is mounted for it: containers by name, networks that it was not born with, mounts.
    pub(crate) async fn contents(&self) -> Vec<String> {
        let docker = self.docker().await.expect("it answers");
        let all = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        let containers = docker.list_containers(Some(all)).await.expect("containers");
        let containers = containers.into_iter().flat_map(|container| container.names.unwrap_or_default());
        let networks = docker.list_networks(None).await.expect("networks");
        let networks = networks.into_iter().filter_map(|network| network.name);
        let networks = networks.filter(|name| !["bridge", "host", "none"].contains(&name.as_str()));
        let mut contents: Vec<String> = containers.chain(networks).chain(self.mounts()).collect();
        contents.sort();
        contents
    }

    /// What is mounted in its folders on behalf of containers, the innermost first.
    fn mounts(&self) -> Vec<String> {
        let table = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
        let places = table.lines().filter_map(|line| line.split(' ').nth(4)).map(str::to_owned);
        let [data, runtime] = [&self.data, &self.runtime].map(|folder| format!("{}/", folder.display()));
        let mut mounts: Vec<String> =
            places.filter(|place| place.starts_with(&data) || place.starts_with(&runtime)).collect();
        mounts.reverse();
        mounts
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("log")).unwrap_or_default()
    }

    /// Starts it, if it does not run, for those who have to tidy up on it.
    pub(crate) fn revive(&mut self) {
        if self.process.is_none() {
            let deadline = Instant::now() + Duration::from_secs(5);
            while self.containerd_is_there() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
            self.launch();
        }
    }

    /// Ends what a killed engine leaves behind: its containers' keepers, which have its folder in their command lines, and what runs
    /// in the containers, whose names stand in its control groups.
    pub(crate) fn end_left_overs(&self) {
        let tasks = self.runtime.join("exec/containerd/daemon/io.containerd.runtime.v2.task/moby");
        let containers = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let containers: Vec<String> =
            containers.filter_map(|container| container.file_name().into_string().ok()).collect();
        let folder = format!("{}/", self.runtime.display());
        let is_ours = |pid: &i32| {
            let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let (line, groups) = (read("cmdline"), read("cgroup"));
            let groups = String::from_utf8_lossy(&groups);
            String::from_utf8_lossy(&line).contains(&folder)
                || containers.iter().any(|id| groups.contains(id))
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let ours: Vec<Pid> = all.filter(is_ours).filter_map(Pid::from_raw).collect();
            if ours.is_empty() {
                return;
            }
            for pid in ours {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("processes of the test's own engine outlive it");
    }

    /// Where it keeps its sockets.
    pub(crate) fn runtime(&self) -> &Path {
        &self.runtime
    }

    async fn remove_containers(&self) {
        let Some(docker) = self.docker().await else { return };
        let all = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        for container in docker.list_containers(Some(all)).await.unwrap_or_default() {
            let force = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
            let id = container.id.unwrap_or_default();
            if let Err(error) = docker.remove_container(&id, Some(force)).await {
                eprintln!("a container of the test's own engine stays: {error}");
            }
        }
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        std::thread::scope(|scope| {
            // A runtime of its own: the test's is on its way out.
            let cleaner = scope.spawn(|| {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(async {
                    if self.docker().await.is_some() {
                        self.remove_containers().await;
                    }
                });
            });
            let _ = cleaner.join();
        });
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), Signal::TERM);
            let _ = process.wait();
        }
        self.end_left_overs();
        for mount in self.mounts() {
            let _ = rustix::mount::unmount(mount.as_str(), rustix::mount::UnmountFlags::DETACH);
        }
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
        for folder in [&self.data, &self.runtime] {
            if let Err(error) = std::fs::remove_dir_all(folder) {
                eprintln!("{} stays: {error}", folder.display());
            }
        }
    }
}

fn run(program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let done = Command::new(program).args(arguments).env("PATH", path).output().expect(program);
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
