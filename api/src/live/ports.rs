//! The open ports of a session's sandbox as they come and go. They are in no ledger: the runner is asked, which keeps the question
//! until it has news.

use std::time::Duration;

use containrlab_domain::ids::SessionId;
use containrlab_domain::session::Phase;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::services::runner;
use crate::state::App;
use crate::{Error, problem};

/// Time between two tries while there is no sandbox, or it cannot be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the ports of one session until it is dropped.
pub(crate) struct PortsTail {
    ports: watch::Receiver<Option<Vec<u16>>>,
    task: AbortHandle,
}

impl PortsTail {
    /// Begins to follow.
    pub(crate) fn new(app: &App, session: SessionId) -> Self {
        let (sender, ports) = watch::channel(None);
        let task = tokio::spawn(follow(app.clone(), session, sender)).abort_handle();
        Self { ports, task }
    }

    /// The ports; `None` until somebody could be asked. A page that has connected again keeps those that it shows until then.
    pub(crate) fn now(&self) -> Option<Vec<u16>> {
        self.ports.borrow().clone()
    }

    /// Waits until they are others; for ever when nobody follows any more.
    pub(crate) async fn changed(&mut self) {
        if self.ports.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for PortsTail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(app: App, session: SessionId, sender: watch::Sender<Option<Vec<u16>>>) {
    loop {
        match step(&app, session, &sender).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(%session, error = %problem::chain(&error), "ports can't be followed right now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One question; false when there will be no ports any more.
async fn step(
    app: &App,
    session: SessionId,
    sender: &watch::Sender<Option<Vec<u16>>>,
) -> Result<bool, Error> {
    let Some(row) = app.store.session(session).await? else { return Ok(false) };
    let phase = row.phase;
    let runner = if phase == Phase::Ready { runner::of_session(app, &row).await? } else { None };
    let Some(runner) = runner else {
        tokio::time::sleep(PAUSE).await;
        return Ok(phase != Phase::Ended);
    };
    let known = sender.borrow().clone();
    let ports = app.runners.ports(&runner, session, known.as_deref()).await.map_err(Error::internal)?;
    tell(sender, ports);
    Ok(true)
}

/// Tells the ports to whoever follows, if they are news.
fn tell(sender: &watch::Sender<Option<Vec<u16>>>, ports: Vec<u16>) {
    sender.send_if_modified(|before| {
        let is_news = before.as_ref() != Some(&ports);
        *before = Some(ports);
        is_news
    });
}
