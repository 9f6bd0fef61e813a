//! The task that keeps the two copies of one session's workspace alike.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{RequestId, SessionId, WorkspaceId};
use containrlab_domain::workspace::{
    Observed, Tree, Workspace, WorkspaceCommand, WorkspaceEvent, WorkspaceLimits, WorkspacePath,
};
use containrlab_store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::scan::{Dirty, Scanner};
use super::{adopt, downward, ignore, upward};
use crate::error::Error;
use crate::sandbox::{AgentClient, Changed, Watch as AgentWatch};

/// Changes come in swarms (an unpacked archive, a checkout): how long it must be quiet before they are looked at.
const QUIET: Duration = Duration::from_millis(80);

/// How long a swarm may put off the look.
const SWARM: Duration = Duration::from_millis(500);

/// How long a lost watch waits before it is asked for again.
const REWATCH: Duration = Duration::from_millis(500);

/// A round that somebody waits for.
enum Ask {
    /// Everything that was changed in the sandbox up to now is in the ledger.
    Flush(oneshot::Sender<Result<(), Error>>),
    /// Everything that was changed in the ledger up to now is in the sandbox.
    Settle(oneshot::Sender<Result<(), Error>>),
}

/// Keeps the two copies alike for as long as it lives.
pub(crate) struct WorkspaceSync {
    asks: mpsc::Sender<Ask>,
    stop: CancellationToken,
    task: TaskTracker,
}

/// How much the ledger lets in, when the workspace does not say.
fn limits_of(workspace: &Workspace) -> WorkspaceLimits {
    workspace.limits().unwrap_or_default()
}

impl WorkspaceSync {
    /// Fills the empty workspace of a new sandbox, and keeps it alike from then on.
    ///
    /// # Errors
    /// When the store or the agent is away, or the files do not go in.
    pub(crate) async fn fill(session: SessionId, agent: AgentClient, store: Store) -> Result<Self, Error> {
        let mut copies = Copies::new(session, agent, store).await?;
        copies.down().await?;
        if let Some((path, why)) = copies.refused.pop_first() {
            return Err(Error::Fill { path: path.to_string(), why });
        }
        Ok(Self::start(copies))
    }

    /// Takes over a sandbox that another process of this runner filled.
    ///
    /// # Errors
    /// When the store or the agent is away.
    pub(crate) async fn adopt(session: SessionId, agent: AgentClient, store: Store) -> Result<Self, Error> {
        let mut copies = Copies::new(session, agent, store).await?;
        copies.find_last_agreed().await?;
        Ok(Self::start(copies))
    }

    fn start(copies: Copies) -> Self {
        let (asks, asked) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let task = TaskTracker::new();
        task.spawn(run(copies, asked, stop.clone()));
        task.close();
        Self { asks, stop, task }
    }

    /// Records what was changed in the sandbox up to now.
    ///
    /// # Errors
    /// When the store or the agent is away.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.ask(Ask::Flush).await
    }

    /// Writes what was changed in the ledger up to now into the sandbox.
    ///
    /// # Errors
    /// When the store or the agent is away.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        self.ask(Ask::Settle).await
    }

    async fn ask(&self, ask: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Ask) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let ended = || Error::Busy("the session is ending");
        self.asks.send(ask(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Ends the task after the round that it is in.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.task.wait().await;
    }
}

impl Drop for WorkspaceSync {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(mut copies: Copies, mut asked: mpsc::Receiver<Ask>, stop: CancellationToken) {
    let doorbell = copies.store.live().subscribe(copies.session);
    let mut doorbell = std::pin::pin!(doorbell);
    let mut watch = Watch::Lost;
    loop {
        let step = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ask = asked.recv() => match ask {
                Some(Ask::Flush(answer)) => {
                    copies.dirty.look = true;
                    let done = copies.up().await;
                    // Whoever asked may have gone meanwhile.
                    let _ = answer.send(done);
                    Ok(())
                }
                Some(Ask::Settle(answer)) => {
                    let _ = answer.send(copies.down().await);
                    Ok(())
                }
                None => return,
            },
            news = watch.next(&copies.agent) => match news {
                News::Began => {
                    // What changed before the watch was in place was told by nobody.
                    copies.dirty.look = true;
                    copies.up().await
                }
                News::Changed(changed) => {
                    copies.note(changed);
                    watch.collect(&mut copies).await;
                    copies.up().await
                }
            },
            () = doorbell.rung() => copies.catch_up().await,
        };
        if let Err(error) = step {
            // Nothing is lost: what was noted stays noted, and the next tick tries again.
            tracing::warn!(session = %copies.session, %error, "the workspace is behind");
        }
    }
}

/// The agent's watch, asked for again whenever it is lost.
enum Watch {
    Lost,
    /// Until then, however often the wait for it is interrupted.
    Pausing(tokio::time::Instant),
    On(AgentWatch),
}

enum News {
    Began,
    Changed(Changed),
}

impl Watch {
    async fn next(&mut self, agent: &AgentClient) -> News {
        loop {
            match self {
                Self::On(stream) => match stream.next().await {
                    Ok(changed) => return News::Changed(changed),
                    Err(_) => *self = Self::pause(),
                },
                Self::Pausing(until) => {
                    tokio::time::sleep_until(*until).await;
                    *self = Self::Lost;
                }
                Self::Lost => match agent.watch(ignore::NAMES).await {
                    Ok(stream) => {
                        *self = Self::On(stream);
                        return News::Began;
                    }
                    Err(_) => *self = Self::pause(),
                },
            }
        }
    }

    fn pause() -> Self {
        Self::Pausing(tokio::time::Instant::now() + REWATCH)
    }

    /// Waits until the swarm of changes is over, or has lasted long enough.
    async fn collect(&mut self, copies: &mut Copies) {
        let until = tokio::time::Instant::now() + SWARM;
        let Self::On(stream) = self else { return };
        while tokio::time::Instant::now() < until {
            match tokio::time::timeout(QUIET, stream.next()).await {
                Ok(Ok(changed)) => copies.note(changed),
                Ok(Err(_)) => {
                    *self = Self::Lost;
                    return;
                }
                Err(_) => return,
            }
        }
    }
}

/// The two copies, and what they last agreed on.
struct Copies {
    session: SessionId,
    agent: AgentClient,
    store: Store,
    scanner: Scanner,
    base: Tree,
    /// The version of the ledger's copy that was last carried down.
    version: u64,
    dirty: Dirty,
    noted: BTreeMap<WorkspacePath, String>,
    /// What the sandbox refused to take, and why.
    refused: BTreeMap<WorkspacePath, String>,
}

impl Copies {
    async fn new(session: SessionId, agent: AgentClient, store: Store) -> Result<Self, Error> {
        let (workspace, _) = store.load::<Workspace>(session.0).await?;
        let scanner = Scanner::new(agent.clone(), store.clone(), limits_of(&workspace));
        Ok(Self {
            session,
            agent,
            store,
            scanner,
            base: Tree::default(),
            version: 0,
            dirty: Dirty::default(),
            noted: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    fn note(&mut self, changed: Changed) {
        self.dirty.look |= changed.rescan;
        self.dirty.paths.extend(changed.paths.into_iter().filter_map(|path| WorkspacePath::new(path).ok()));
    }

    async fn ledger(&self) -> Result<(Tree, u64), Error> {
        Ok(self.store.workspace_tree(WorkspaceId::of(self.session)).await?.unwrap_or_default())
    }

    async fn find_last_agreed(&mut self) -> Result<(), Error> {
        let (ledger, _) = self.ledger().await?;
        let everything = Dirty { look: true, ..Dirty::default() };
        let scan = self.scanner.scan(&everything, &Tree::default()).await?;
        self.base = adopt::last_agreed(&self.store, self.session, &ledger, &scan).await?;
        self.dirty = everything;
        self.up().await?;
        self.down().await
    }

    /// What the tick owes: whatever an earlier round could not do.
    async fn catch_up(&mut self) -> Result<(), Error> {
        if !self.dirty.is_empty() {
            self.up().await?;
        }
        let version = self.store.workspace_version(WorkspaceId::of(self.session)).await?;
        if version.is_some_and(|version| version > self.version) || !self.refused.is_empty() {
            self.down().await?;
        }
        Ok(())
    }

    /// Records what changed in the sandbox.
    async fn up(&mut self) -> Result<(), Error> {
        let dirty = std::mem::take(&mut self.dirty);
        match self.record_changes(&dirty).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.dirty.look |= dirty.look;
                self.dirty.paths.extend(dirty.paths);
                Err(error)
            }
        }
    }

    async fn record_changes(&mut self, dirty: &Dirty) -> Result<(), Error> {
        let scan = self.scanner.scan(dirty, &self.base).await?;
        let mut changes = upward::changes(&self.base, &scan);
        let mut noted = self.noted.clone();
        changes.extend(upward::notes(&scan, &mut noted));
        self.record(changes).await?;
        self.noted = noted;
        Ok(())
    }

    async fn record(&mut self, changes: Vec<Observed>) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let by =
            Provenance { actor: Actor::Terminal(self.session), request: RequestId(uuid::Uuid::now_v7()) };
        let command = WorkspaceCommand::Observe { changes };
        let committed = self.store.execute::<Workspace>(self.session.0, command, &by).await?;
        for envelope in committed.events {
            self.agree(envelope.payload);
        }
        Ok(())
    }

    /// What was recorded from the sandbox is in both copies.
    fn agree(&mut self, event: WorkspaceEvent) {
        match event {
            WorkspaceEvent::FileWritten { path, entry } => {
                self.base.files.insert(path, entry);
            }
            WorkspaceEvent::FolderCreated { path } => {
                self.base.folders.insert(path);
            }
            WorkspaceEvent::Deleted { path } => {
                let stays = |other: &WorkspacePath| *other != path && !other.is_below(&path);
                self.base.files.retain(|other, _| stays(other));
                self.base.folders.retain(stays);
            }
            WorkspaceEvent::Opened { .. }
            | WorkspaceEvent::Renamed { .. }
            | WorkspaceEvent::NotKept { .. } => {}
        }
    }

    /// Writes what changed in the ledger into the sandbox.
    async fn down(&mut self) -> Result<(), Error> {
        let (mut ledger, mut version) = self.ledger().await?;
        let mut diff = self.base.diff(&ledger);
        if diff.is_empty() {
            self.version = version;
            self.refused.clear();
            return Ok(());
        }
        let about_to_go = diff.written.iter().map(|(path, _)| path).chain(&diff.removed_files);
        if self.save_changed(about_to_go.cloned().collect()).await? {
            (ledger, version) = self.ledger().await?;
            diff = self.base.diff(&ledger);
        }
        // A folder stays when something lies in it that the ledger does not have.
        diff.removed_folders.retain(|folder| !self.noted.keys().any(|path| path.is_below(folder)));
        let refused = downward::apply(&self.agent, &self.store, diff, &mut self.base).await?;
        self.version = version;
        let new = refused.iter().filter(|(path, why)| self.refused.get(*path) != Some(*why));
        let notes = new.map(|(path, why)| Observed::Unkept {
            path: path.clone(),
            reason: format!("it could not be written into the sandbox: {why}"),
        });
        let notes = notes.collect();
        self.refused = refused;
        self.record(notes).await
    }

    /// Records files that are about to be overwritten or removed and that changed since both copies agreed.
    async fn save_changed(&mut self, paths: Vec<WorkspacePath>) -> Result<bool, Error> {
        let mut changes = Vec::new();
        for path in paths {
            let Some(agreed) = self.base.files.get(&path).cloned() else { continue };
            if let Some(entry) = self.scanner.look_at(&path).await?
                && entry != agreed
            {
                changes.push(Observed::File { path, entry });
            }
        }
        let any = !changes.is_empty();
        self.record(changes).await?;
        Ok(any)
    }
}
