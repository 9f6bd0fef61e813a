//! What the image decides: `/etc/containrlab/agent.json`. Every field has a default, so that the
//! file may be short or missing. `workers/agent/README.md` documents it for image builders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// Where the file is looked for if `CONTAINRLAB_AGENT_CONFIG` names no other.
const PLACE: &str = "/etc/containrlab/agent.json";

/// Holds a [`Site`] as JSON, from whoever started the container.
const SITE: &str = "CONTAINRLAB_SITE";

/// Where the image's programs lie: folders that nobody in a sandbox can write to.
pub(crate) const IMAGE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The ordinary user for whom all of this is.
    pub(crate) learner: LearnerConfig,
    /// The learner's files.
    pub(crate) workspace: PathBuf,
    /// XDG_RUNTIME_DIR of the learner; made at the start.
    pub(crate) runtime_dir: PathBuf,
    /// The agent's socket. Its folder is made for root alone.
    pub(crate) socket: PathBuf,
    /// The configuration of Docker's client for the platform's own commands; made at the start, and root's.
    pub(crate) docker_config_dir: PathBuf,
    /// What stands in its `config.json`.
    pub(crate) docker_config: Value,
    /// Folders that are given to the learner at the start (themselves, not what is in them); missing ones are made.
    pub(crate) own: Vec<PathBuf>,
    /// Devices that every user may open.
    pub(crate) open_devices: Vec<PathBuf>,
    /// Variables of everything that runs as the learner, on top of the built-in ones.
    pub(crate) environment: BTreeMap<String, String>,
    /// The login shell of a terminal.
    pub(crate) shell: Vec<String>,
    /// Whether a login shell is started in advance, for the first terminal.
    pub(crate) spare_shell: bool,
    /// Newest bytes of output that each terminal keeps.
    pub(crate) terminal_keep_bytes: usize,
    /// Terminals at a time.
    pub(crate) max_terminals: usize,
    /// Commands at a time.
    pub(crate) max_execs: usize,
    /// The engine; none: a sandbox without one.
    pub(crate) engine: Option<EngineConfig>,
}

/// The learner's user.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LearnerConfig {
    /// Login name.
    pub(crate) name: String,
    /// User id.
    pub(crate) uid: u32,
    /// Group id.
    pub(crate) gid: u32,
    /// Home folder.
    pub(crate) home: PathBuf,
}

/// The rootless engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineConfig {
    /// The command that makes the user namespace; what runs inside follows it.
    pub(crate) outer: Vec<String>,
    /// The command that runs inside. Empty: the agent's own `engine`, which starts containerd and then dockerd.
    pub(crate) inner: Vec<String>,
    /// The engine's data folder; on a file system that overlay can lie on.
    pub(crate) data: PathBuf,
    /// Further arguments of dockerd, for the built-in inner command.
    pub(crate) dockerd_args: Vec<String>,
    /// Variables on top of the learner's.
    pub(crate) environment: BTreeMap<String, String>,
    /// Milliseconds that the engine gets to stop its containers when the sandbox stops.
    pub(crate) stop_ms: u64,
}

/// What the runner adds to the file: what the network around asks of engines and shells.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Site {
    /// Further variables of everything that runs as the learner.
    environment: BTreeMap<String, String>,
    /// Further arguments of dockerd.
    dockerd_args: Vec<String>,
    /// The configuration of Docker's client for the platform's own commands.
    docker_config: Option<Value>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            learner: LearnerConfig::default(),
            workspace: "/workspace".into(),
            runtime_dir: "/run/user/1000".into(),
            socket: "/run/containrlab/agent.sock".into(),
            docker_config_dir: "/run/containrlab-docker".into(),
            docker_config: Value::Object(Map::new()),
            own: vec!["/workspace".into(), "/var/lib/containrlab/docker".into()],
            open_devices: vec!["/dev/net/tun".into(), "/dev/fuse".into()],
            environment: BTreeMap::new(),
            shell: vec!["/bin/bash".to_owned(), "-l".to_owned()],
            spare_shell: true,
            terminal_keep_bytes: 8 << 20,
            max_terminals: 8,
            max_execs: 32,
            engine: Some(EngineConfig::default()),
        }
    }
}

impl Default for LearnerConfig {
    fn default() -> LearnerConfig {
        LearnerConfig { name: "learner".to_owned(), uid: 1000, gid: 1000, home: "/home/learner".into() }
    }
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        let outer = "rootlesskit --net=slirp4netns --mtu=65520 --disable-host-loopback --port-driver=builtin \
                     --copy-up=/etc --copy-up=/run";
        EngineConfig {
            outer: outer.split_whitespace().map(str::to_owned).collect(),
            inner: Vec::new(),
            data: "/var/lib/containrlab/docker".into(),
            dockerd_args: Vec::new(),
            environment: BTreeMap::new(),
            stop_ms: 8000,
        }
    }
}

impl Config {
    /// Reads the file that the image brought, and adds what the runner says; without either the defaults hold.
    pub(crate) fn load() -> Result<Config, String> {
        let mut config = Config::read()?;
        if let Ok(text) = std::env::var(SITE) {
            let site: Site = serde_json::from_str(&text)
                .map_err(|error| format!("{SITE} can't be understood: {error}"))?;
            config.add(site);
        }
        Ok(config)
    }

    fn add(&mut self, site: Site) {
        self.environment.extend(site.environment);
        if let Some(docker_config) = site.docker_config {
            self.docker_config = docker_config;
        }
        if let Some(engine) = &mut self.engine {
            engine.dockerd_args.extend(site.dockerd_args);
        }
    }

    fn read() -> Result<Config, String> {
        let place =
            std::env::var_os("CONTAINRLAB_AGENT_CONFIG").map_or_else(|| PathBuf::from(PLACE), PathBuf::from);
        match std::fs::read(&place) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| format!("{} can't be understood: {error}", place.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && place == Path::new(PLACE) => {
                Ok(Config::default())
            }
            Err(error) => Err(format!("{} can't be read: {error}", place.display())),
        }
    }

    /// The rootless engine's socket, in a folder that the learner can write: only ever opened as the learner.
    pub(crate) fn engine_socket(&self) -> PathBuf {
        self.runtime_dir.join("docker.sock")
    }

    /// Where the platform finds the engine: a socket in a folder of root's. None where the engine is not the agent's own `engine`, for
    /// nothing else knows how to take it over.
    pub(crate) fn engine_door(&self) -> Option<PathBuf> {
        let engine = self.engine.as_ref()?;
        engine.inner.is_empty().then(|| self.docker_config_dir.join("engine.sock"))
    }

    /// Variables of everything that runs as the learner.
    pub(crate) fn learner_environment(&self) -> BTreeMap<String, String> {
        let home = self.learner.home.display().to_string();
        let mut all: BTreeMap<String, String> = [
            ("PATH", format!("{home}/.local/bin:{IMAGE_PATH}")),
            ("HOME", home),
            ("USER", self.learner.name.clone()),
            ("LOGNAME", self.learner.name.clone()),
            ("SHELL", self.shell.first().cloned().unwrap_or_else(|| "/bin/sh".to_owned())),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
            ("XDG_RUNTIME_DIR", self.runtime_dir.display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if self.engine.is_some() {
            all.insert("DOCKER_HOST".to_owned(), format!("unix://{}", self.engine_socket().display()));
        }
        all.extend(self.environment.clone());
        all
    }

    /// The engine's whole command line: the one place where it is put together.
    pub(crate) fn engine_command(&self, engine: &EngineConfig, agent: &Path) -> Vec<String> {
        let mut command = engine.outer.clone();
        if !engine.inner.is_empty() {
            command.extend(engine.inner.iter().cloned());
            return command;
        }
        let text = |path: &Path| path.display().to_string();
        command.extend([
            text(agent),
            "engine".to_owned(),
            text(&self.engine_socket()),
            text(&engine.data),
            text(&self.runtime_dir.join("docker")),
        ]);
        command.extend(engine.dockerd_args.iter().cloned());
        command
    }
}
