//! Judging files without a ledger: for authors of labs, from the command line.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::ids::{LeaseId, SessionId};
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::Verdict;
use containrlab_store::labs::tree_of;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::case::{Case, Session, write_files};
use super::commands::ask_within;
use crate::error::Error;
use crate::host::{HostedSandbox, SandboxHost, SandboxRequest};
use crate::jobs::{Ear, LogWriter};
use crate::sandbox::Role;

/// Bytes of output that somebody hears of a judgement.
const HEARD: usize = 4 << 20;

/// How long a command beside files may take.
const BESIDE: Duration = Duration::from_secs(600);

/// A place where files are judged, several at a time if need be.
pub struct Workshop<H> {
    host: H,
    /// Turns at building. A build wants a processor for itself, while most of what follows only waits: so that several judgements
    /// side by side do not take the time from one another that a container is given to come up.
    builds: Semaphore,
    stop: CancellationToken,
}

impl<H: SandboxHost> Workshop<H> {
    /// One that builds at most so many at a time. Nothing goes on once `stop` is cancelled.
    pub fn new(host: H, builds: usize, stop: CancellationToken) -> Self {
        Self { host, builds: Semaphore::new(builds), stop }
    }

    /// Whether somebody asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Judges files as an attempt with these files would be. Whoever calls it hears the judge's log. A file that begins with `#!`
    /// can be executed.
    ///
    /// # Errors
    /// When the platform is at fault, one of the paths could not lie in a workspace, or it was stopped; the sandbox is gone by
    /// then in each case.
    pub async fn judge(&self, lab: Arc<Lab>, files: LabFiles, ear: Ear) -> Result<Verdict, Error> {
        let (tree, _) = tree_of(&files).map_err(|error| Error::Setting(error.to_string()))?;
        let case = Case::new(lab, tree, files, Session::Script).await;
        if case.needs_no_engine() {
            return Ok(case.evaluate(Vec::new()).await);
        }
        if self.is_stopped() {
            return Err(Error::Stopped);
        }
        // Not broken off while it is made: what is half made could outlive the process.
        let sandbox = self.verifier().await?;
        let mut log = LogWriter::heard_by(ear, HEARD);
        let observations = tokio::select! {
            observations = case.carry_out(&sandbox.agent, &mut log, Some(&self.builds)) => observations,
            () = self.stop.cancelled() => Err(Error::Stopped),
        };
        log.close().await;
        self.host.remove(sandbox.id).await?;
        Ok(case.evaluate(observations?).await)
    }

    /// Runs a command beside these files in a fresh sandbox, and waits for its end: what a judgement is measured against.
    ///
    /// # Errors
    /// When the sandbox fails or the command does; the sandbox is gone by then.
    pub async fn run_beside(&self, files: &LabFiles, argv: &[&str]) -> Result<(), Error> {
        let (tree, _) = tree_of(files).map_err(|error| Error::Setting(error.to_string()))?;
        let sandbox = self.verifier().await?;
        let ran = async {
            write_files(&sandbox.agent, &tree, files).await?;
            let said = ask_within(&sandbox.agent, argv, HEARD, BESIDE).await?;
            if said.is_fine() {
                return Ok(());
            }
            Err(Error::Setting(format!("it failed: {}{}", said.stdout, said.stderr)))
        };
        let ran = ran.await;
        self.host.remove(sandbox.id).await?;
        ran
    }

    async fn verifier(&self) -> Result<HostedSandbox, Error> {
        let request = SandboxRequest {
            session: SessionId(Uuid::now_v7()),
            lease: LeaseId(Uuid::now_v7()),
            role: Role::Verifier,
        };
        Ok(self.host.create(request).await?)
    }
}
