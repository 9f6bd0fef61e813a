//! The judge's hands: carries out the plan of an attempt in a fresh verifier sandbox.
//!
//! What has to be done and what it is worth is the domain's to say; here it is only done, with the platform's own tools:
//! the verifier is this attempt's alone and nobody was in it before, the files come from the ledger by their hash, and nothing that the
//! learner wrote runs outside of the verifier's own containers.

mod build;
mod case;
mod compose;
mod container;
mod engine;
mod http;
mod image;
mod journal;
mod lab_version;
mod script;
mod session;
mod sockets;
mod steps;

use std::sync::Arc;

use containrlab_domain::attempt::Basis;
use containrlab_domain::ids::{LeaseId, SessionId};
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::{Tree, WorkspacePath};
use containrlab_store::labs::tree_of;
use containrlab_store::{AttemptRow, Store, StoreError};
use tokio_util::sync::CancellationToken;

use self::case::{Case, Session};
pub(crate) use self::lab_version::lab_of;
pub(crate) use self::session::look;
use crate::error::Error;
use crate::host::{SandboxHost, SandboxRequest};
pub use crate::jobs::Ear;
use crate::jobs::LogWriter;
use crate::runner::{Runner, verifier};
use crate::sandbox::Role;
use crate::workspace::is_ignored;

/// Bytes of output that somebody hears of a judgement without a ledger.
const HEARD: usize = 4 << 20;

/// How long a command beside files may take.
const BESIDE: std::time::Duration = std::time::Duration::from_secs(600);

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
    let observations = case.carry_out(&agent, log).await;
    sandbox.remove().await;
    Ok(Judged { verdict: case.evaluate(observations?).await, basis })
}

/// Judges files without a ledger, as an attempt with these files would be: for authors of labs, from the command line. Whoever
/// calls it hears the judge's log. A file that begins with `#!` can be executed.
///
/// # Errors
/// When the platform is at fault, one of the paths could not lie in a workspace, or `stop` was cancelled; the sandbox is gone by
/// then in each case.
pub async fn judge_files(
    host: &dyn SandboxHost,
    lab: Arc<Lab>,
    files: LabFiles,
    ear: Ear,
    stop: &CancellationToken,
) -> Result<Verdict, Error> {
    let (tree, _) = tree_of(&files).map_err(|error| Error::Setting(error.to_string()))?;
    let case = Case::new(lab, tree, files, Session::Script).await;
    if case.needs_no_engine() {
        return Ok(case.evaluate(Vec::new()).await);
    }
    if stop.is_cancelled() {
        return Err(Error::Stopped);
    }
    let request = SandboxRequest {
        session: SessionId(uuid::Uuid::now_v7()),
        lease: LeaseId(uuid::Uuid::now_v7()),
        role: Role::Verifier,
    };
    // Not broken off while it is made: what is half made could outlive the process.
    let sandbox = host.create(request).await?;
    let mut log = LogWriter::heard_by(ear, HEARD);
    let observations = tokio::select! {
        observations = case.carry_out(&sandbox.agent, &mut log) => observations,
        () = stop.cancelled() => Err(Error::Stopped),
    };
    log.close().await;
    host.remove(sandbox.id).await?;
    Ok(case.evaluate(observations?).await)
}

/// Runs a command beside these files in a fresh sandbox, and waits for its end: what a judgement is measured against.
///
/// # Errors
/// When the sandbox fails or the command does; the sandbox is gone by then.
pub async fn run_beside(host: &dyn SandboxHost, files: &LabFiles, argv: &[&str]) -> Result<(), Error> {
    let (tree, _) = tree_of(files).map_err(|error| Error::Setting(error.to_string()))?;
    let request = SandboxRequest {
        session: SessionId(uuid::Uuid::now_v7()),
        lease: LeaseId(uuid::Uuid::now_v7()),
        role: Role::Verifier,
    };
    let sandbox = host.create(request).await?;
    let ran = async {
        case::write_files(&sandbox.agent, &tree, files).await?;
        let said = engine::ask_within(&sandbox.agent, argv, HEARD, BESIDE).await?;
        if said.is_fine() {
            return Ok(());
        }
        Err(Error::Setting(format!("it failed: {}{}", said.stdout, said.stderr)))
    };
    let ran = ran.await;
    host.remove(sandbox.id).await?;
    ran
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
