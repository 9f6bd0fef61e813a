//! What is judged, and the judge's thinking about it, which may take a while.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use containrlab_domain::ids::BlobHash;
use containrlab_domain::judge::{Observation, Plan, evaluate};
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::Tree;

use super::steps;
use crate::error::Error;
use crate::jobs::LogWriter;
use crate::sandbox::AgentClient;
use crate::workspace::write_tree;

/// The files of an attempt, the lab that they are judged by, and what has to be done for that.
pub(super) struct Case {
    lab: Arc<Lab>,
    tree: Tree,
    files: Arc<LabFiles>,
    plan: Arc<Plan>,
}

impl Case {
    /// Thinks about what has to be done. `files` holds the contents of the tree's files.
    pub(super) async fn new(lab: Arc<Lab>, tree: Tree, files: LabFiles) -> Self {
        let files = Arc::new(files);
        let (its_lab, its_files) = (Arc::clone(&lab), Arc::clone(&files));
        let plan = aside(move || Plan::for_lab(&its_lab, &its_files)).await;
        Self { lab, tree, files, plan: Arc::new(plan) }
    }

    /// Whether the files alone say how it comes out.
    pub(super) fn needs_no_engine(&self) -> bool {
        self.plan.steps.is_empty()
    }

    /// Does all that the plan says, in a sandbox that nobody was in before.
    pub(super) async fn carry_out(
        &self,
        agent: &AgentClient,
        log: &mut LogWriter,
    ) -> Result<Vec<Observation>, Error> {
        let contents: HashMap<BlobHash, Bytes> = self
            .tree
            .files
            .iter()
            .filter_map(|(path, entry)| {
                let content = self.files.get(path.as_str())?;
                Some((entry.hash.clone(), Bytes::copy_from_slice(content)))
            })
            .collect();
        write_tree(agent, &contents, &self.tree).await?;
        steps::carry_out(agent, log, &self.plan, &self.files).await
    }

    /// What the observations mean.
    pub(super) async fn evaluate(&self, observations: Vec<Observation>) -> Verdict {
        let (lab, files, plan) = (Arc::clone(&self.lab), Arc::clone(&self.files), Arc::clone(&self.plan));
        aside(move || evaluate(&lab, &files, &plan, &observations)).await
    }
}

/// Thinks on a thread of its own: hostile files take seconds, and nothing else of the process may wait for them.
async fn aside<T: Send + 'static>(think: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(think).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(thought) => thought,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and this future with it.
        Err(Err(_)) => std::future::pending().await,
    }
}
