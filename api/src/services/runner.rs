//! The way to a runner's gateway.

use std::time::Duration;

use containrlab_domain::ids::SessionId;
use containrlab_store::{RunnerRow, SessionRow};
use url::Url;

use crate::settings::RunnerToken;
use crate::state::App;
use crate::{Error, problem};

/// How long a flush may take. What is not kept by then follows as an ordinary change; the one who waits should not.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The way to runners' gateways.
pub(crate) struct RunnerClient {
    http: reqwest::Client,
    token: RunnerToken,
}

impl RunnerClient {
    /// A client that shows this token.
    pub(crate) fn new(token: RunnerToken) -> Result<Self, Error> {
        // A runner is reached directly: a proxy from the environment is for the world outside.
        let http = reqwest::Client::builder().no_proxy().build().map_err(Error::internal)?;
        Ok(Self { http, token })
    }

    /// What goes into `Authorization`.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.token.expose())
    }

    async fn flush(&self, runner: &RunnerRow, session: SessionId) -> Result<(), reqwest::Error> {
        let address = format!("{}/sessions/{session}/flush", runner.address.trim_end_matches('/'));
        let request =
            self.http.post(address).header("authorization", self.authorization()).timeout(FLUSH_TIMEOUT);
        request.send().await?.error_for_status().map(drop)
    }
}

/// The runner that holds a session's sandbox, if it is alive.
pub(crate) async fn of_session(app: &App, session: &SessionRow) -> Result<Option<RunnerRow>, Error> {
    let Some(id) = session.runner_id else { return Ok(None) };
    Ok(app.store.runner(id).await?.filter(|runner| runner.alive))
}

/// Asks the session's runner to bring what was just changed in the terminal into the ledger. A runner that cannot be
/// reached is no reason to refuse a submission: the ledger holds what was kept so far.
pub(crate) async fn flush(app: &App, session: &SessionRow) -> Result<(), Error> {
    let Some(runner) = of_session(app, session).await? else { return Ok(()) };
    if let Err(error) = app.runners.flush(&runner, session.session_id).await {
        tracing::warn!(
            session = %session.session_id,
            error = %problem::chain(&error.without_url()),
            "the runner could not be asked for the latest changes"
        );
    }
    Ok(())
}

/// The WebSocket address of a session's terminal at a runner, with the browser's query.
pub(crate) fn terminal_address(runner: &RunnerRow, session: SessionId, query: &str) -> Option<Url> {
    let mut url = Url::parse(&runner.address).ok()?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).ok()?;
    url.set_path(&format!("/sessions/{session}/terminal/ws"));
    url.set_query((!query.is_empty()).then_some(query));
    Some(url)
}
