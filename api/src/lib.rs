//! Pages, JSON API, live updates, the terminal's way to the runner, sign-in.
//!
//! - `routes/`: addresses, `pages` for people and `api` for programs; both call the use cases in `services/`.
//! - `extract/`: what handlers ask for by type: the learner, their own session, bodies.
//! - `live/`: server-sent events; `view/`: from rows to what templates show; `wire/`: the JSON.
//! - `preview/`: what a learner's own containers serve, at origins of their own.
//! - `security/`, `auth/`: other sites, headers; sign-in.
//! - `error.rs`, `problem.rs`: everything that can go wrong, and what a person sees of it.
//!
//! # Architecture invariant
//!
//! Never touches Docker, knows no SQL, and holds nothing that a restart could lose: every answer is read from the store,
//! and a stream or a terminal that breaks off is gone on with by the next process.

mod auth;
mod error;
mod extract;
mod idempotency;
mod live;
mod markdown;
mod narrate;
mod preview;
mod problem;
mod router;
mod routes;
mod security;
mod services;
mod settings;
mod state;
mod view;
mod wire;

use std::time::Duration;

use containrlab_store::Store;
use containrlab_store::labs::LabCatalog;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::Error;
pub use settings::{LOGIN_TTL, RunnerToken, Settings};

use crate::services::runner::RunnerClient;
use crate::state::{App, Inner};

/// How long requests that run may take to end once the process is to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves pages and API until `shutdown` is cancelled; what runs then is finished.
///
/// # Errors
/// Settings that would let strangers in, labs that cannot be read, or a listener that fails; each a sentence.
pub async fn serve(
    settings: Settings,
    store: Store,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    settings.check()?;
    let labs = load_labs(&settings)?;
    // Before anybody can start one: what is handed in for this version can be judged by it for ever.
    store.keep_labs(&labs).await?;
    let runners = RunnerClient::new(settings.runner_token.clone())?;
    let terminals = TaskTracker::new();
    terminals.close();
    let app = App::new(Inner {
        settings,
        store,
        labs,
        runners,
        terminals: terminals.clone(),
        shutdown: shutdown.clone(),
    });
    let serving =
        axum::serve(listener, router::router(app)).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let all = async {
        serving.await.map_err(Error::Serve)?;
        terminals.wait().await;
        Ok(())
    };
    tokio::select! {
        served = all => served,
        () = async { shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("some requests did not end in time and are cut off");
            Ok(())
        }
    }
}

fn load_labs(settings: &Settings) -> Result<LabCatalog, Error> {
    LabCatalog::load(&settings.labs_dir).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Error::Labs(faults.join("; "))
    })
}

/// The description of the JSON API, as `/api/openapi.json` serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::api::router().1
}
