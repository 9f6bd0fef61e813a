//! Starting things as the learner.
//!
//! Root in a sandbox has neither CAP_DAC_OVERRIDE nor CAP_KILL: it can't read a learner's private file nor end a
//! learner's process. That is wanted. Whatever touches what is the learner's is done by a child of the
//! agent that runs as the learner, so that no trick (a link, a mount, a race) reaches more than the
//! learner could reach anyway.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::Config;
use crate::{os, platform};

/// Who the learner is and what the learner's processes see.
#[derive(Debug)]
pub(crate) struct Learner {
    /// User and group to become; none in `--as-is` mode, where everything stays the user that started it.
    pub(crate) ids: Option<(u32, u32)>,
    /// The workspace.
    pub(crate) workspace: PathBuf,
    environment: BTreeMap<String, String>,
    /// On top of the learner's, for the platform's own commands.
    pub(crate) platform_environment: BTreeMap<String, String>,
    agent: PathBuf,
}

impl Learner {
    /// The learner of this configuration.
    pub(crate) fn new(config: &Config, as_is: bool) -> io::Result<Learner> {
        let mut environment = config.learner_environment();
        if as_is {
            // Tests run as whoever they are, with the tools of their machine.
            for name in ["PATH", "HOME", "USER"] {
                if let Ok(value) = std::env::var(name) {
                    environment.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Learner {
            ids: (!as_is).then_some((config.learner.uid, config.learner.gid)),
            workspace: config.workspace.clone(),
            environment,
            // As is, all programs are the machine's own.
            platform_environment: if as_is { BTreeMap::new() } else { platform::environment(config) },
            agent: std::env::current_exe()?,
        })
    }

    /// The agent's program file.
    pub(crate) fn agent(&self) -> &Path {
        &self.agent
    }

    /// A command that runs one of the agent's own subcommands as the learner.
    pub(crate) fn helper(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.agent);
        command.arg(subcommand).env_clear().envs(&self.environment).current_dir("/");
        if let Some((uid, gid)) = self.ids {
            // `uid` also drops the supplementary groups; leaving user 0 drops every capability.
            command.uid(uid).gid(gid);
        }
        os::release_signals(&mut command);
        command
    }

    /// The folder for a command: the workspace, or what was asked for, relative to the workspace.
    pub(crate) fn folder(&self, asked: Option<&str>) -> PathBuf {
        asked.map_or_else(|| self.workspace.clone(), |folder| self.workspace.join(folder))
    }
}
