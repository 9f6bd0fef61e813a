//! The way to a runner's gateway.

use std::time::Duration;

use containrlab_domain::ids::SessionId;
use containrlab_domain::session::{Phase, SessionError};
use containrlab_store::{RunnerRow, SessionRow};
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::settings::RunnerToken;
use crate::state::App;
use crate::{Error, problem};

/// How long a flush may take. What is not kept by then follows as an ordinary change; the one who waits should not.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a runner may take to open a stream to a port, or to say which there are once it has something to say.
const PORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a runner keeps a question for other ports than the known ones.
const PORTS_PATIENCE: Duration = Duration::from_secs(30);

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

    /// A byte stream to a port of a session's sandbox.
    ///
    /// # Errors
    /// [`Error::NothingListens`], or [`Error::SandboxOutOfReach`].
    pub(crate) async fn connect(
        &self,
        runner: &RunnerRow,
        session: SessionId,
        port: u16,
    ) -> Result<reqwest::Upgraded, Error> {
        let address = format!("{}/sessions/{session}/ports/{port}", runner.address.trim_end_matches('/'));
        let request = self
            .http
            .get(address)
            .header("authorization", self.authorization())
            .header("connection", "upgrade")
            .header("upgrade", "containrlab-tcp");
        let opening = async {
            let response = request.send().await?;
            if response.status() == StatusCode::CONFLICT {
                return Ok(None);
            }
            response.error_for_status()?.upgrade().await.map(Some)
        };
        match tokio::time::timeout(PORT_TIMEOUT, opening).await {
            Ok(Ok(Some(stream))) => Ok(stream),
            Ok(Ok(None)) => Err(Error::NothingListens { port }),
            Ok(Err(error)) => {
                let error = error.without_url();
                tracing::warn!(%session, error = %problem::chain(&error), "no stream to a port of a sandbox");
                Err(Error::SandboxOutOfReach)
            }
            Err(_) => Err(Error::SandboxOutOfReach),
        }
    }

    /// The ports on which something listens in a session's sandbox. With `known`, the answer waits a while for them to be
    /// others than these.
    pub(crate) async fn ports(
        &self,
        runner: &RunnerRow,
        session: SessionId,
        known: Option<&[u16]>,
    ) -> Result<Vec<u16>, reqwest::Error> {
        #[derive(Deserialize)]
        struct Open {
            ports: Vec<u16>,
        }
        let mut address = format!("{}/sessions/{session}/ports", runner.address.trim_end_matches('/'));
        let mut patience = PORT_TIMEOUT;
        if let Some(known) = known {
            let known: Vec<String> = known.iter().map(u16::to_string).collect();
            address = format!("{address}?known={}", known.join(","));
            patience = PORTS_PATIENCE;
        }
        let request = self.http.get(address).header("authorization", self.authorization()).timeout(patience);
        Ok(request.send().await?.error_for_status()?.json::<Open>().await?.ports)
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

/// Refuses what needs a sandbox while there is none.
pub(crate) fn must_be_ready(session: &SessionRow) -> Result<(), Error> {
    match session.phase {
        Phase::Ready => Ok(()),
        Phase::Unborn | Phase::Starting => Err(Error::Session(SessionError::NotReady)),
        Phase::Ending | Phase::Ended => Err(Error::Session(SessionError::Ended)),
    }
}

/// The ports on which something listens in a session's sandbox now.
pub(crate) async fn open_ports(app: &App, session: &SessionRow) -> Result<Vec<u16>, Error> {
    must_be_ready(session)?;
    let runner = of_session(app, session).await?.ok_or(Error::SandboxOutOfReach)?;
    app.runners.ports(&runner, session.session_id, None).await.map_err(|error| {
        let error = error.without_url();
        tracing::warn!(session = %session.session_id, error = %problem::chain(&error), "ports can't be asked for");
        Error::SandboxOutOfReach
    })
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
