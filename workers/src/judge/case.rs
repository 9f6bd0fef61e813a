//! What is judged, and the judge's thinking about it, which may take a while.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use containrlab_domain::ids::BlobHash;
use containrlab_domain::judge::{Action, Observation, Plan, SessionFacts, StepId, evaluate};
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::{FileEntry, Tree, WorkspacePath};
use tokio::sync::Semaphore;

use super::steps;
use crate::error::Error;
use crate::jobs::LogWriter;
use crate::sandbox::AgentClient;
use crate::workspace::write_tree;

/// Where the facts about a learner's own engine come from.
pub(super) enum Session {
    /// They were taken at the submission; none when the sandbox was gone.
    Recorded(Option<SessionFacts>),
    /// Nobody has a session: the answer's own `session.sh`, if it has one, is run in the verifier, and that is looked at.
    Script,
}

/// The files of an attempt, the lab that they are judged by, and what has to be done for that.
pub(super) struct Case {
    lab: Arc<Lab>,
    tree: Tree,
    files: Arc<LabFiles>,
    plan: Arc<Plan>,
    session: Session,
}

impl Case {
    /// Thinks about what has to be done. `files` holds the contents of the tree's files.
    pub(super) async fn new(lab: Arc<Lab>, tree: Tree, files: LabFiles, session: Session) -> Self {
        let files = Arc::new(files);
        let (its_lab, its_files) = (Arc::clone(&lab), Arc::clone(&files));
        let plan = aside(move || Plan::for_lab(&its_lab, &its_files)).await;
        Self { lab, tree, files, plan: Arc::new(plan), session }
    }

    /// Whether the files, and what was seen of the session, alone say how it comes out.
    pub(super) fn needs_no_engine(&self) -> bool {
        let is_recorded = matches!(self.session, Session::Recorded(_));
        self.plan.steps.iter().all(|step| is_recorded && step.action == Action::LookAtSession)
    }

    /// What was seen, when nothing has to be done for it.
    pub(super) fn without_engine(&self) -> Vec<Observation> {
        let Session::Recorded(facts) = &self.session else { return Vec::new() };
        let observed = steps::session_seen(facts.as_ref());
        let seen = |id: &StepId| Observation { step: id.clone(), seconds: 0.0, observed: observed.clone() };
        self.plan.steps.iter().map(|step| seen(&step.id)).collect()
    }

    /// Does all that the plan says, in a sandbox that nobody was in before. `builds` as in [`steps::carry_out`].
    pub(super) async fn carry_out(
        &self,
        agent: &AgentClient,
        log: &mut LogWriter,
        builds: Option<&Semaphore>,
    ) -> Result<Vec<Observation>, Error> {
        write_files(agent, &self.tree, &self.files).await?;
        steps::carry_out(agent, log, &self.plan, &self.files, &self.session, builds).await
    }

    /// What the observations mean.
    pub(super) async fn evaluate(&self, observations: Vec<Observation>) -> Verdict {
        let (lab, files, plan) = (Arc::clone(&self.lab), Arc::clone(&self.files), Arc::clone(&self.plan));
        aside(move || evaluate(&lab, &files, &plan, &observations)).await
    }
}

/// Writes the files of a tree into a sandbox.
pub(super) async fn write_files(agent: &AgentClient, tree: &Tree, files: &LabFiles) -> Result<(), Error> {
    let content = |(path, entry): (&WorkspacePath, &FileEntry)| {
        let content = files.get(path.as_str())?;
        Some((entry.hash.clone(), Bytes::copy_from_slice(content)))
    };
    let contents: HashMap<BlobHash, Bytes> = tree.files.iter().filter_map(content).collect();
    write_tree(agent, &contents, tree).await
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
