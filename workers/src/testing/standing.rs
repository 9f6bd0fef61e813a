//! Sandboxes that are plain processes and outlive the runner's process, as containers do: all that is known of them lies in
//! a folder. For tests that kill the real runner.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use async_trait::async_trait;
use containrlab_domain::ids::{LeaseId, SandboxId, SessionId};
use rustix::process::{Pid, Signal, kill_process_group};
use uuid::Uuid;

use super::{connect, remove_folder};
use crate::Settings;
use crate::host::{HostedSandbox, SandboxHost, SandboxRequest};
use crate::sandbox::{Listed, Role, SandboxError, SandboxSpec};

/// Names the folder; a runner that has it holds such sandboxes and no containers.
const FOLDER: &str = "CONTAINRLAB_TEST_SANDBOXES";

/// What a sandbox was asked for with, in its folder.
const SPEC: &str = "spec";

/// Its process, in its folder.
const PID: &str = "pid";

/// A host of sandboxes that are processes of this machine.
pub struct StandingSandboxes {
    agent: PathBuf,
    folder: PathBuf,
}

impl StandingSandboxes {
    /// The host that the environment asks for, if it does.
    pub fn asked_for(settings: &Settings) -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        Some(Self::new(settings.sandboxes.images.agent.clone(), folder))
    }

    /// Sandboxes below a folder, whose path has to be short (sockets lie in it), with this agent program.
    pub fn new(agent: PathBuf, folder: PathBuf) -> Self {
        Self { agent, folder }
    }

    /// All sandboxes of which anything is left.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn listed(&self) -> Result<Vec<Listed>, SandboxError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(storage("read", &self.folder)(source)),
        };
        Ok(entries.filter_map(|entry| look_at(&entry.ok()?.path())).collect())
    }

    fn place(&self, sandbox: SandboxId) -> PathBuf {
        self.folder.join(sandbox.0.simple().to_string())
    }

    /// The process writes its own number down: whoever asked for it may be dead by then.
    fn start(&self, place: &Path) -> std::io::Result<()> {
        Command::new("/bin/sh")
            .args([
                "-c",
                "echo $$ > \"$0/pid\" && exec \"$1\" serve --as-is --socket \"$0/s\" --workspace \"$0/w\"",
            ])
            .arg(place)
            .arg(&self.agent)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map(drop)
    }
}

#[async_trait]
impl SandboxHost for StandingSandboxes {
    async fn create(&self, request: SandboxRequest) -> Result<HostedSandbox, SandboxError> {
        let id = SandboxId(Uuid::now_v7());
        let place = self.place(id);
        std::fs::create_dir_all(place.join("w")).map_err(storage("make", &place))?;
        note(&place, request)?;
        self.start(&place).map_err(storage("start", &place))?;
        Ok(HostedSandbox { id, warm: false, agent: connect(&place).await? })
    }

    async fn claim(&self, sandbox: SandboxId, request: SandboxRequest) -> Result<(), SandboxError> {
        let place = self.place(sandbox);
        match look_at(&place) {
            Some(listed) if listed.spec.role == Role::Warm => note(&place, request),
            _ => Err(SandboxError::Gone(sandbox)),
        }
    }

    async fn list(&self) -> Result<Vec<Listed>, SandboxError> {
        self.listed()
    }

    async fn adopt(&self, sandbox: SandboxId) -> Result<HostedSandbox, SandboxError> {
        if !self.place(sandbox).exists() {
            return Err(SandboxError::Gone(sandbox));
        }
        Ok(HostedSandbox { id: sandbox, warm: false, agent: connect(&self.place(sandbox)).await? })
    }

    async fn cause_of_death(&self, sandbox: SandboxId) -> Result<Option<String>, SandboxError> {
        Ok(match look_at(&self.place(sandbox)) {
            Some(listed) if listed.alive => None,
            Some(_) => Some("sandbox_died".to_owned()),
            None => Some("sandbox_gone".to_owned()),
        })
    }

    async fn remove(&self, sandbox: SandboxId) -> Result<(), SandboxError> {
        let place = self.place(sandbox);
        if let Some(pid) = living(&place) {
            // It may have ended meanwhile.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        remove_folder(&place).await
    }

    async fn sweep(&self) -> Result<(), SandboxError> {
        Ok(())
    }
}

/// Writes down for whom a sandbox is, all of it or nothing.
fn note(place: &Path, request: SandboxRequest) -> Result<(), SandboxError> {
    let SandboxRequest { session, lease, role } = request;
    let draft = place.join("spec-draft");
    std::fs::write(&draft, format!("{session} {lease} {}", role.as_str())).map_err(storage("note", place))?;
    std::fs::rename(&draft, place.join(SPEC)).map_err(storage("note", place))
}

fn look_at(place: &Path) -> Option<Listed> {
    let id = SandboxId(place.file_name()?.to_str()?.parse().ok()?);
    let text = std::fs::read_to_string(place.join(SPEC)).unwrap_or_default();
    let mut words = text.split(' ');
    let mut uuid = || words.next()?.parse::<Uuid>().ok();
    // A sandbox whose maker died before it wrote down for whom it is belongs to nobody.
    let (session, lease) = (uuid().unwrap_or_default(), uuid().unwrap_or_default());
    let role = match words.next() {
        Some("verifier") => Role::Verifier,
        Some("warm") => Role::Warm,
        _ => Role::Session,
    };
    let spec = SandboxSpec { id, role, session: SessionId(session), lease: LeaseId(lease) };
    Some(Listed { spec, alive: living(place).is_some() })
}

/// The sandbox's process; a number that went to somebody else does not count, nor does a process that nobody collected.
fn living(place: &Path) -> Option<Pid> {
    let number = std::fs::read_to_string(place.join(PID)).ok()?.trim().parse().ok()?;
    let command = std::fs::read(format!("/proc/{number}/cmdline")).ok()?;
    let name = place.file_name()?.to_str()?;
    String::from_utf8_lossy(&command).contains(name).then(|| Pid::from_raw(number))?
}

fn storage(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SandboxError + use<> {
    let path = path.to_owned();
    move |source| SandboxError::Storage { doing, path, source }
}
