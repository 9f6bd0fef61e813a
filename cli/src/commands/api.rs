//! `containrlab api`.

use containrlab_store::Store;
use tokio::net::TcpListener;

use super::chores::Chores;
use crate::args::ApiArgs;
use crate::failure::Failure;
use crate::process::signals::shutdown_token;
use crate::settings::{Environment, Listen, crates};

/// Serves until it is asked to stop.
pub(crate) async fn run(environment: &Environment, args: ApiArgs) -> Result<(), Failure> {
    let (settings, listen) = crates::api(environment)?;
    let store = crates::store(environment)?;
    let shutdown = shutdown_token()?;
    // Before the databases are asked: a taken port is said at once.
    let listener = bind(listen).await?;
    let address = listener.local_addr().map_err(Failure::file("find the listener's address"))?;
    let store = Store::connect(store).await?;
    if let Some(file) = args.address_file {
        std::fs::write(&file, format!("{address}\n"))
            .map_err(Failure::file(format!("write {}", file.display())))?;
    }
    tracing::info!(%address, "the api listens");
    let chores = Chores::start(&store, &shutdown);
    let served = containrlab_api::serve(settings, store, listener, shutdown.clone()).await;
    // It may have ended by itself.
    shutdown.cancel();
    chores.ended().await;
    served.map_err(|error| Failure::Api(error.to_string()))?;
    tracing::info!("the api has stopped");
    Ok(())
}

async fn bind(Listen { variable, address }: Listen) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Failure::PortTaken { variable, address },
        _ => Failure::Listen { variable, address, source },
    })
}
