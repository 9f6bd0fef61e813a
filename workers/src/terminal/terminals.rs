//! The terminals of one session.

use std::collections::HashMap;
use std::sync::Arc;

use containrlab_agent::message::{TerminalInfo, TerminalOpen};
use containrlab_domain::actor::Provenance;
use containrlab_domain::ids::{RecordingId, SessionId};
use containrlab_domain::session::{Session, SessionCommand};
use containrlab_store::{RecordingKind, Store};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::shell::{Found, Size, Terminal};
use super::{pump, recorder};
use crate::error::Error;
use crate::sandbox::AgentClient;

/// The terminals of one session. Dropping it stops nothing in the sandbox.
pub(crate) struct Terminals {
    session: SessionId,
    agent: AgentClient,
    store: Store,
    open: Mutex<HashMap<String, Arc<Terminal>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Terminals {
    /// Knows of no terminal yet; see [`Terminals::reattach`].
    pub(crate) fn new(session: SessionId, agent: AgentClient, store: Store) -> Self {
        Self {
            session,
            agent,
            store,
            open: Mutex::new(HashMap::new()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Goes on reading the terminals that an earlier process of the runner had opened, so that their output is
    /// recorded although nobody looks at them.
    ///
    /// # Errors
    /// When the store or the agent is away.
    pub(crate) async fn reattach(&self, by: &Provenance) -> Result<(), Error> {
        let rows = self.store.terminals_of(self.session).await?;
        for row in rows.into_iter().filter(|row| row.closed_at.is_none()) {
            self.attach(&row.terminal, Size::new(80, 24), by).await?;
        }
        Ok(())
    }

    /// The terminal of this name with a living shell: the one that is open, or a new one.
    ///
    /// # Errors
    /// When the session refuses another terminal, or the store or the agent is away.
    pub(crate) async fn attach(
        &self,
        name: &str,
        size: Size,
        by: &Provenance,
    ) -> Result<Arc<Terminal>, Error> {
        let mut open = self.open.lock().await;
        if let Some(terminal) = open.get(name) {
            if terminal.exit().is_none() {
                return Ok(Arc::clone(terminal));
            }
            // The shell just ended: a new one may only be opened once the ledger knows.
            terminal.closed().await;
        }
        let terminal = self.open(name, size, by).await?;
        open.insert(name.to_owned(), Arc::clone(&terminal));
        Ok(terminal)
    }

    async fn open(&self, name: &str, size: Size, by: &Provenance) -> Result<Arc<Terminal>, Error> {
        loop {
            let recording = self.recording_of(name, by).await?;
            self.store.open_recording(recording, self.session, RecordingKind::Terminal).await?;
            let length = self.store.recording(recording).await?.map_or(0, |row| row.length);
            let (info, started) = self.agent.terminal_open(wanted(recording, size)).await?;
            if !is_same_shell(&info, started, length) {
                // The sandbox was restarted under the shell; what was recorded of it is all there ever will be.
                self.give_up(name, recording, by).await?;
                continue;
            }
            let size = Size { cols: info.cols, rows: info.rows };
            if started {
                self.store.append_resize(recording, 0, size.cols, size.rows).await?;
            }
            let terminal = Arc::new(Terminal::new(
                name.to_owned(),
                recording,
                self.session,
                self.agent.clone(),
                self.store.clone(),
                Found { recorded: length, reached: info.end, size },
            ));
            self.tasks.spawn(pump::run(Arc::clone(&terminal), self.stop.child_token()));
            self.tasks.spawn(recorder::run(Arc::clone(&terminal), self.stop.child_token()));
            return Ok(terminal);
        }
    }

    /// The recording of the terminal that is open under this name, after making sure that one is.
    async fn recording_of(&self, name: &str, by: &Provenance) -> Result<RecordingId, Error> {
        let fresh = RecordingId(uuid::Uuid::now_v7());
        let command = SessionCommand::OpenTerminal { terminal: name.to_owned(), recording: fresh };
        self.store.execute::<Session>(self.session.0, command, by).await?;
        let rows = self.store.terminals_of(self.session).await?;
        let open = rows.into_iter().find(|row| row.terminal == name && row.closed_at.is_none());
        // It can only be missing when somebody closed it in this very moment.
        open.map(|row| row.recording_id).ok_or(Error::Busy("the terminal is being closed"))
    }

    async fn give_up(&self, name: &str, recording: RecordingId, by: &Provenance) -> Result<(), Error> {
        let command = SessionCommand::CloseTerminal { terminal: name.to_owned(), exit_code: pump::LOST };
        self.store.close_recording(recording).await?;
        self.store.execute::<Session>(self.session.0, command, by).await?;
        self.agent.terminal_close(&recording.to_string()).await?;
        Ok(())
    }

    /// How often terminals that are open printed so much for so long that they were slowed down.
    pub(crate) async fn floods(&self) -> u64 {
        self.open.lock().await.values().map(|terminal| terminal.floods()).sum()
    }

    /// Stops reading and recording. What is in memory is recorded first; the shells live on.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn wanted(recording: RecordingId, size: Size) -> TerminalOpen {
    TerminalOpen {
        terminal: recording.to_string(),
        cols: size.cols,
        rows: size.rows,
        argv: Vec::new(),
        cwd: None,
        env: Default::default(),
    }
}

/// Whether what the agent has under a recording's id is the shell that was recorded.
fn is_same_shell(info: &TerminalInfo, started: bool, recorded: u64) -> bool {
    (recorded == 0 || !started) && info.end >= recorded
}
