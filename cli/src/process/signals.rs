//! The signals by which a person or a machine asks this program to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Ctrl-C, SIGTERM and a closed terminal, as one stream.
#[derive(Debug)]
pub(crate) struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Stops {
    /// From here on these signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::file("listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of them and gives its number.
    pub(crate) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hang_up.recv() => 1,
        }
    }
}

/// A token that is cancelled at the first of these signals.
pub(crate) fn shutdown_token() -> Result<CancellationToken, Failure> {
    let mut stops = Stops::listen()?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let signal = stops.next().await;
        tracing::info!(signal, "asked to stop; finishing what runs");
        cancelled.cancel();
        // Later signals are taken and change nothing: whoever can't wait has SIGKILL.
        loop {
            stops.next().await;
        }
    });
    Ok(token)
}
