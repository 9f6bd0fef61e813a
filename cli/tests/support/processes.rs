//! A process of a test: its output in a file, and its end with the test.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How much of a log is shown when a test fails.
const LAST_LINES: usize = 60;

/// A running program.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program with exactly this environment; its output goes to `log`.
    pub(crate) fn start(
        name: &'static str,
        program: &str,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
        log: PathBuf,
    ) -> Self {
        let out = File::options().create(true).append(true).open(&log).expect("a log file");
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a log file"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        Self { name, child, log }
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Panics, with what it said, if it is no longer there.
    pub(crate) fn must_live(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} has ended ({status}):\n{}", self.name, self.said());
        }
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may be gone; it is not collected yet, so the number is still its own.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Waits for its end; after `patience` it is killed. Whether it ended by itself.
    pub(crate) fn wait(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Prints the end of its log, for whoever reads why a test failed.
    pub(crate) fn show_log(&self) {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        eprintln!("--- the last that {} said ---", self.name);
        for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
            eprintln!("{line}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
