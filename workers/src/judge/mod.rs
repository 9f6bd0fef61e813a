//! The judge's hands: carries out the plan of an attempt in a fresh verifier sandbox.
//!
//! What has to be done and what it is worth is the domain's to say; here it is only done, with the platform's own tools:
//! the verifier is this attempt's alone and nobody was in it before, the files come from the ledger by their hash, and nothing that the
//! learner wrote runs outside of the verifier's own containers.
//!
//! ```text
//!  case       what is judged: files, lab, plan, verdict
//!  steps      the plan's steps, each as soon as it can be done
//!   ├ build, image            images: made, and read where the engine keeps them
//!   ├ container, http, script one container, and what is asked of it
//!   ├ compose                 a project of services
//!   └ session                 a learner's own engine
//!  engine     how a command is run and the engine's API asked;  bounds  what bounds every container
//!  looks, processes, sockets  waiting for something to come up, and seeing what it does meanwhile
//!  journal    what the learner reads of it;  workshop  all of it without a ledger
//! ```

mod bounds;
mod build;
mod case;
mod commands;
mod compose;
mod container;
mod http;
mod image;
mod journal;
mod lab_version;
mod looks;
mod processes;
mod script;
mod session;
mod sockets;
mod steps;
mod workshop;

use std::sync::Arc;

use containrlab_domain::attempt::Basis;
use containrlab_domain::ids::LeaseId;
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::{Tree, WorkspacePath};
use containrlab_store::{AttemptRow, Store, StoreError};

use self::case::{Case, Session};
pub(crate) use self::lab_version::lab_of;
pub(crate) use self::session::look;
pub use self::workshop::Workshop;
use crate::error::Error;
use crate::host::SandboxRequest;
pub use crate::jobs::Ear;
use crate::jobs::LogWriter;
use crate::runner::{Runner, verifier};
use crate::sandbox::Role;
use crate::workspace::is_ignored;

/// A verdict, and what it rests on; nothing when the platform failed before anything was judged.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) basis: Option<Basis>,
}

/// Judges an attempt by this lab.
///
/// # Errors
/// When the platform is at fault; the attempt is judged again.
pub(crate) async fn judge(
    runner: &Arc<Runner>,
    attempt: &AttemptRow,
    lab: Arc<Lab>,
    lease: LeaseId,
    log: &mut LogWriter,
) -> Result<Judged, Error> {
    let basis = Some(runner.kit.basis(attempt.tree_hash.clone(), &lab));
    let tree = runner.store.tree(&attempt.tree_hash).await?.ok_or_else(|| missing(attempt))?;
    let files = files_of(&runner.store, &tree).await?;
    let session = Session::Recorded(attempt.session_seen.as_ref().and_then(|seen| seen.facts.clone()));
    let case = Case::new(lab, tree, files, session).await;
    if case.needs_no_engine() {
        log.line("Nothing has to be built or started to judge this.").await;
        return Ok(Judged { verdict: case.evaluate(case.without_engine()).await, basis });
    }
    log.line("Starting a fresh sandbox for this attempt.").await;
    log.flush().await;
    let request = SandboxRequest { session: attempt.session_id, lease, role: Role::Verifier };
    let sandbox = verifier(runner, request).await?;
    let agent = sandbox.sandbox().agent.clone();
    let observations = case.carry_out(&agent, log, None).await;
    sandbox.remove().await;
    Ok(Judged { verdict: case.evaluate(observations?).await, basis })
}

/// Whether a file at this path is part of an attempt: what tools make again stays in the sandbox.
pub fn is_judged(path: &WorkspacePath) -> bool {
    !is_ignored(path)
}

/// The files of an attempt with their contents.
async fn files_of(store: &Store, tree: &Tree) -> Result<LabFiles, Error> {
    let hashes: Vec<_> = tree.files.values().map(|entry| entry.hash.clone()).collect();
    let blobs = store.blobs(&hashes).await?;
    let file = |(path, entry): (
        &containrlab_domain::workspace::WorkspacePath,
        &containrlab_domain::workspace::FileEntry,
    )| {
        let bytes = blobs.get(&entry.hash).ok_or_else(|| StoreError::BlobMissing(entry.hash.clone()))?;
        Ok((path.to_string(), bytes.to_vec()))
    };
    tree.files.iter().map(file).collect()
}

fn missing(attempt: &AttemptRow) -> StoreError {
    StoreError::Damaged {
        what: format!("the tree of attempt {}", attempt.attempt_id),
        why: "it is not there".to_owned(),
    }
}
