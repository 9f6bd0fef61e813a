//! Starts a process that outlives a Ctrl-C in our terminal, with its output in a log file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use super::Identity;
use crate::failure::Failure;

/// The system user that a service runs as: PostgreSQL refuses to run as root, and Redis needs no such power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The user's name.
    pub(crate) name: String,
    /// The user's number.
    pub(crate) uid: u32,
    /// The number of the user's group.
    pub(crate) gid: u32,
}

impl User {
    /// Who a service runs as: the first of these users that this machine has, when we are root; else who we are.
    pub(crate) fn for_service(names: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        names.iter().find_map(|name| Self::in_passwd(&passwd, name))
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self { name: name.to_owned(), uid, gid })
        })
    }
}

/// How a process is started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The program's file.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Variables set over our own environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The user, if another than ours.
    pub(crate) user: Option<User>,
    /// Where its output goes, at the end of what is there.
    pub(crate) log: PathBuf,
    /// Pid files of its children. If it is killed and they with it, it takes one that nobody has reaped yet for alive.
    pub(crate) children: Vec<PathBuf>,
}

impl Launch {
    pub(crate) fn new(program: impl Into<PathBuf>, log: PathBuf) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            user: None,
            log,
            children: Vec::new(),
        }
    }

    /// Names a pid file of a child, which is removed before a start when its process is dead.
    pub(crate) fn child(mut self, pid_file: PathBuf) -> Self {
        self.children.push(pid_file);
        self
    }

    pub(crate) fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Starts the process in a process group of its own, so that a Ctrl-C in our terminal reaches only us and we
    /// stop everything in order.
    pub(crate) fn start(&self) -> Result<(tokio::process::Child, Identity), Failure> {
        let doing = || format!("start {}", self.program.display());
        self.begin_new_log_when_long();
        self.forget_dead_children();
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(Failure::file(format!("write {}", self.log.display())))?;
        let errors = output.try_clone().map_err(Failure::file(doing()))?;
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(&self.environment)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors));
        if let Some(user) = &self.user {
            // Another user may not be able to stand in our folder.
            command.uid(user.uid).gid(user.gid).current_dir("/").env("HOME", "/");
        }
        let child = command.spawn().map_err(Failure::file(doing()))?;
        let identity = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Identity::of)
            .ok_or_else(|| Failure::Plain(format!("{} ended at once.", self.program.display())))?;
        Ok((child, identity))
    }

    fn forget_dead_children(&self) {
        for pid_file in &self.children {
            let Ok(text) = std::fs::read_to_string(pid_file) else { continue };
            if text.trim().parse().ok().and_then(Identity::of).is_none() {
                // Whoever is started says so itself if this goes wrong.
                let _ = std::fs::remove_file(pid_file);
            }
        }
    }

    /// Keeps one old log beside the current one, so that logs can't fill the disk over years of starts.
    fn begin_new_log_when_long(&self) {
        const LONG: u64 = 32 << 20;
        if std::fs::metadata(&self.log).is_ok_and(|metadata| metadata.len() > LONG) {
            // If it can't be moved it only grows on.
            let _ = std::fs::rename(&self.log, self.log.with_extension("old.log"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(
            User::in_passwd(passwd, "postgres"),
            Some(User { name: "postgres".into(), uid: 101, gid: 104 })
        );
        assert_eq!(User::in_passwd(passwd, "post"), None);
    }

    #[test]
    fn a_child_that_is_dead_but_not_reaped_does_not_count_as_alive() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (pid_file, gone) = (folder.path().join("pid"), folder.path().join("gone"));
        std::fs::write(&pid_file, format!("{}\n", child.id())).unwrap();
        let launch = Launch::new("sh", folder.path().join("log")).child(pid_file.clone()).child(gone);
        launch.forget_dead_children();
        assert!(pid_file.exists(), "it lives");
        child.kill().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while pid_file.exists() {
            assert!(std::time::Instant::now() < deadline);
            launch.forget_dead_children();
        }
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn output_is_added_to_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("echo.log");
        std::fs::write(&log, "before\n").unwrap();
        // It lives until its input, a pipe of ours, would end; `start` gives it none, so `cat` ends at once after.
        let (mut child, _) = Launch::new("sh", log.clone())
            .arguments(["-c", "echo out; echo err >&2; sleep 0.2; cat"])
            .start()
            .unwrap();
        assert!(child.wait().await.unwrap().success());
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "before\nout\nerr\n");
    }

    #[tokio::test]
    async fn a_ctrl_c_for_us_does_not_reach_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, identity) =
            Launch::new("sleep", folder.path().join("log")).arguments(["60"]).start().unwrap();
        let pid = rustix::process::Pid::from_raw(identity.pid).unwrap();
        assert_eq!(rustix::process::getpgid(Some(pid)).unwrap(), pid);
        child.kill().await.unwrap();
    }
}
