//! One service: started or found running, waited for, stopped.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Ready;
use crate::failure::Failure;
use crate::process::{Launch, PidFile, Running};

/// A process of ours and how to deal with it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// What people call it.
    pub(crate) name: &'static str,
    /// How it is started.
    pub(crate) launch: Launch,
    /// How it is seen that it takes work.
    pub(crate) ready: Ready,
    /// How long it may take until then.
    pub(crate) patience: Duration,
    /// How it is asked to stop.
    pub(crate) stop: Signal,
    /// How long it may take to stop before it is killed.
    pub(crate) grace: Duration,
    /// Where it is remembered.
    pub(crate) pid_file: PidFile,
}

impl Service {
    /// Takes over the process that an earlier call left, or starts a new one; returns once it takes work.
    pub(crate) async fn start(&self) -> Result<Running, Failure> {
        if let Some(running) = self.pid_file.living().and_then(Running::open) {
            self.until_ready(&running).await?;
            return Ok(running);
        }
        self.ready.forget();
        let (mut child, identity) = self.launch.start()?;
        self.pid_file.write(&identity)?;
        let running = Running::open(identity);
        // Collects the exit status when the process ends, so that it doesn't stay a zombie.
        tokio::spawn(async move { child.wait().await });
        let running = running.ok_or_else(|| self.failed("ended at once"))?;
        if let Err(failure) = self.until_ready(&running).await {
            self.end(&running).await;
            return Err(failure);
        }
        Ok(running)
    }

    /// Stops the process and forgets it. Says whether it stopped by itself.
    pub(crate) async fn end(&self, running: &Running) -> bool {
        let by_itself = running.stop(self.stop, self.grace).await;
        self.pid_file.remove();
        by_itself
    }

    /// An error about this service that shows the end of its log.
    pub(crate) fn failed(&self, what: impl Into<String>) -> Failure {
        Failure::Child { name: self.name, what: what.into(), log: self.launch.log.clone() }
    }

    /// Waits until the process takes work; an error if it ends, or takes too long.
    pub(crate) async fn until_ready(&self, running: &Running) -> Result<(), Failure> {
        const PAUSE: Duration = Duration::from_millis(40);
        let started = Instant::now();
        loop {
            if self.ready.is().await {
                return Ok(());
            }
            if started.elapsed() > self.patience {
                return Err(self.failed(format!("did not become ready within {} s", self.patience.as_secs())));
            }
            if running.ended_within(PAUSE).await {
                return Err(self.failed("ended while it started"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateDir;

    fn service(folder: &std::path::Path, script: &str) -> Service {
        let state = StateDir::open(folder.join("state")).unwrap();
        Service {
            name: "The test service",
            launch: Launch::new("sh", state.log("test")).arguments(["-c", script]),
            ready: Ready::File(folder.join("ready")),
            patience: Duration::from_secs(20),
            stop: Signal::TERM,
            grace: Duration::from_secs(20),
            pid_file: state.pid_file("test"),
        }
    }

    #[tokio::test]
    async fn a_service_left_running_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(": > {}; exec sleep 60", folder.path().join("ready").display());
        let service = service(folder.path(), &script);
        let first = service.start().await.unwrap();
        let second = service.start().await.unwrap();
        assert_eq!(first.identity, second.identity);
        assert!(service.end(&second).await);
        assert!(first.ended_within(Duration::from_secs(20)).await);
        assert_eq!(service.pid_file.living(), None);
    }

    #[tokio::test]
    async fn a_service_that_ends_while_it_starts_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let service = service(folder.path(), "echo no room on the disk; sleep 0.1; exit 3");
        let failure = service.start().await.unwrap_err().to_string();
        assert!(
            failure.contains("The test service ended") && failure.contains("no room on the disk"),
            "{failure}"
        );
    }
}
