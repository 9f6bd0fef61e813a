//! A hold on a running process, our child or one that an earlier call of this program left.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;

use super::Identity;

/// A process, held by a file descriptor: signals can't hit another process that got its number.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Which process it is.
    pub(crate) identity: Identity,
    descriptor: Arc<AsyncFd<OwnedFd>>,
}

impl Running {
    /// Takes hold of a process. None if it has ended.
    pub(crate) fn open(identity: Identity) -> Option<Self> {
        let descriptor = pidfd_open(Pid::from_raw(identity.pid)?, PidfdFlags::empty()).ok()?;
        // Looked at again after the descriptor was had: from here on it is this process and no other.
        if !identity.is_alive() {
            return None;
        }
        #[expect(
            deprecated,
            reason = "unsound only for types whose descriptor changes; the new way is an unsafe function"
        )]
        let descriptor = AsyncFd::with_interest(descriptor, tokio::io::Interest::READABLE).ok()?;
        Some(Self { identity, descriptor: Arc::new(descriptor) })
    }

    /// Sends a signal. A process that has ended takes none, which is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(self.descriptor.get_ref(), signal);
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&self) {
        // A pidfd becomes readable when its process ends, and stays so.
        let _ = self.descriptor.readable().await;
    }

    /// Waits for the end for so long; says whether it came.
    pub(crate) async fn ended_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.ended()).await.is_ok()
    }

    /// Asks the process to stop, and kills it if it takes longer than `grace`. Says whether it stopped by itself.
    pub(crate) async fn stop(&self, signal: Signal, grace: Duration) -> bool {
        self.signal(signal);
        if self.ended_within(grace).await {
            return true;
        }
        self.signal(Signal::KILL);
        self.ended().await;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(script: &str) -> (Running, tokio::process::Child) {
        let child =
            tokio::process::Command::new("sh").args(["-c", script]).kill_on_drop(true).spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        (Running::open(identity).unwrap(), child)
    }

    #[tokio::test]
    async fn a_process_that_listens_stops_by_itself() {
        let (running, _child) = start("exec sleep 60").await;
        assert!(running.stop(Signal::TERM, Duration::from_secs(20)).await);
        assert!(!running.identity.is_alive());
        assert!(Running::open(running.identity.clone()).is_none());
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_signal_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let (running, _child) =
            start(&format!("trap '' TERM; : > {}; while :; do sleep 1; done", ready.display())).await;
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
        assert!(!running.stop(Signal::TERM, Duration::from_millis(200)).await);
        assert!(!running.identity.is_alive());
    }
}
