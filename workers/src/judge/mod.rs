//! The judge's hands: carries out the plan of an attempt in a fresh verifier sandbox.
//!
//! What has to be done and what it is worth is the domain's to say; here it is only done, with the platform's own tools:
//! the verifier is this attempt's alone and nobody was in it before, the files come from the ledger by their hash, and nothing that the
//! learner wrote runs outside of the verifier's own containers.

mod container;
mod engine;
mod http;
mod steps;

use std::sync::Arc;

use containrlab_domain::ids::LeaseId;
use containrlab_domain::judge::{Plan, evaluate};
use containrlab_domain::lab::LabFiles;
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::Tree;
use containrlab_store::{AttemptRow, Store, StoreError};

use crate::error::Error;
use crate::host::SandboxRequest;
use crate::jobs::LogWriter;
use crate::runner::{Runner, verifier};
use crate::sandbox::Role;
use crate::workspace::write_tree;

/// Judges an attempt.
///
/// # Errors
/// When the platform is at fault; the attempt is judged again.
pub(crate) async fn judge(
    runner: &Arc<Runner>,
    attempt: &AttemptRow,
    lease: LeaseId,
    log: &mut LogWriter,
) -> Result<Verdict, Error> {
    let Some(loaded) = runner.labs.get(&attempt.lab.slug) else {
        return Ok(Verdict::inconclusive(
            "lab_unknown",
            "This lab is no longer there, so nobody can judge the attempt.",
            "This does not count against you.",
        ));
    };
    let tree = runner.store.tree(&attempt.tree_hash).await?.ok_or_else(|| missing(attempt))?;
    let files = files_of(&runner.store, &tree).await?;
    let plan = Plan::for_lab(&loaded.lab, &files);
    if plan.steps.is_empty() {
        log.line("There is nothing to build: the files alone say what is missing.").await;
        return Ok(evaluate(&loaded.lab, &files, &plan, &[]));
    }
    log.line("Starting a fresh sandbox for this attempt.").await;
    log.flush().await;
    let request = SandboxRequest { session: attempt.session_id, lease, role: Role::Verifier };
    let sandbox = verifier(runner, request).await?;
    let agent = sandbox.sandbox().agent.clone();
    write_tree(&agent, &runner.store, &tree).await?;
    let observations = steps::carry_out(&agent, log, &plan, &files).await;
    sandbox.remove().await;
    Ok(evaluate(&loaded.lab, &files, &plan, &observations?))
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
