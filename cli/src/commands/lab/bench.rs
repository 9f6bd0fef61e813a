//! Sandboxes for judgements from the command line.

use std::sync::Arc;

use containrlab_domain::ids::RunnerId;
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::Verdict;
use containrlab_workers::judge::{Ear, Workshop};
use containrlab_workers::sandbox::Sandboxes;

use crate::failure::Failure;
use crate::process::signals::shutdown_token;
use crate::settings::{Environment, crates};

/// A place to judge at.
pub(super) struct Bench {
    workshop: Workshop<Sandboxes>,
}

impl Bench {
    /// Prepares what verifiers are made of. They belong to a runner of their own, so that no other takes them for left-overs.
    pub(super) async fn open(environment: &Environment) -> Result<Self, Failure> {
        let failure = |error: containrlab_workers::sandbox::SandboxError| {
            Failure::Plain(format!("No sandbox can be made: {error}"))
        };
        let mut settings = crates::sandboxes(environment)?;
        settings.runner = RunnerId(uuid::Uuid::now_v7());
        let sandboxes = Sandboxes::connect(settings).await.map_err(failure)?;
        sandboxes.prepare(&|line| eprintln!("{line}")).await.map_err(failure)?;
        Ok(Self { workshop: Workshop::new(sandboxes, processors(), shutdown_token()?) })
    }

    /// Whether somebody asked to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.workshop.is_stopped()
    }

    /// Judges files in a fresh sandbox, which is gone afterwards.
    pub(super) async fn judge(&self, lab: Arc<Lab>, files: LabFiles, ear: Ear) -> Result<Verdict, Failure> {
        self.workshop
            .judge(lab, files, ear)
            .await
            .map_err(|error| Failure::Plain(format!("The judge could not do its work: {error}")))
    }
}

/// How many processors there are.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
