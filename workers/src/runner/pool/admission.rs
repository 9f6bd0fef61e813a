//! How somebody who needs a sandbox gets one: a warm one, the one that is just being made, or one from cold.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::state::Warm;
use crate::error::Error;
use crate::host::{HostedSandbox, SandboxRequest};
use crate::runner::{MadeSandbox, Place, Runner};
use containrlab_agent::message::EngineState;

/// How long a warm sandbox may take to say that it is well.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// Room for one sandbox of a learner. Whoever drops it gives it back.
pub(crate) struct Admission(Turn);

enum Turn {
    Now(Seat),
    /// Once the pool has made the one that it is making.
    Soon(oneshot::Receiver<Seat>),
}

/// A place, with or without a sandbox in it.
pub(super) enum Seat {
    Warm(Offer),
    Cold(Place),
}

/// A warm sandbox that is offered to somebody; ready again when they decline.
pub(super) struct Offer {
    runner: Arc<Runner>,
    warm: Option<Warm>,
}

impl Offer {
    pub(super) fn new(runner: &Arc<Runner>, warm: Warm) -> Self {
        Self { runner: Arc::clone(runner), warm: Some(warm) }
    }

    fn accept(mut self) -> Option<Warm> {
        self.warm.take()
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if let Some(warm) = self.warm.take() {
            self.runner.pool.put(warm);
            // Somebody may have been told meanwhile that there is no room.
            self.runner.room.tell();
        }
    }
}

impl Runner {
    /// Room for one more sandbox of a learner, if there is.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Admission> {
        let turn = if let Some(warm) = self.pool.take() {
            Turn::Now(Seat::Warm(Offer::new(self, warm)))
        } else if let Some(promised) = self.pool.take_next() {
            Turn::Soon(promised)
        } else {
            Turn::Now(Seat::Cold(self.room.take()?))
        };
        self.pool.note_demand();
        Some(Admission(turn))
    }

    /// Whether [`Runner::admit`] would give something.
    pub(crate) fn has_room(&self) -> bool {
        self.room.is_free() || self.pool.has_place()
    }
}

/// The sandbox that was admitted, and the place that it takes.
///
/// # Errors
/// When none could be made.
pub(crate) async fn redeem(
    runner: &Arc<Runner>,
    admission: Admission,
    request: SandboxRequest,
) -> Result<(MadeSandbox, Place), Error> {
    let seat = match admission.0 {
        Turn::Now(seat) => seat,
        // Nobody makes it any more when the runner is about to stop.
        Turn::Soon(promised) => promised.await.unwrap_or_else(|_| Seat::Cold(runner.room.take_anyway())),
    };
    let place = match seat {
        Seat::Warm(offer) => match claim(runner, offer, request).await {
            (Some(made), Some(place)) => return Ok((made, place)),
            (_, Some(place)) => place,
            (_, None) => runner.room.take_anyway(),
        },
        Seat::Cold(place) => place,
    };
    let sandbox = runner.host.create(request).await?;
    Ok((MadeSandbox::new(Arc::clone(runner), sandbox), place))
}

/// A sandbox for the judge: a warm one if there is, else one from cold. It takes no learner's place.
///
/// # Errors
/// When none could be made.
pub(crate) async fn verifier(runner: &Arc<Runner>, request: SandboxRequest) -> Result<MadeSandbox, Error> {
    let warm = runner.pool.take();
    runner.pool.note_demand();
    if let Some(warm) = warm
        && let (Some(made), _) = claim(runner, Offer::new(runner, warm), request).await
    {
        return Ok(made);
    }
    let sandbox = runner.host.create(request).await?;
    Ok(MadeSandbox::new(Arc::clone(runner), sandbox))
}

/// Makes a warm sandbox that of whoever asks, if it is well. Else it is removed, and only its place remains.
async fn claim(
    runner: &Arc<Runner>,
    offer: Offer,
    request: SandboxRequest,
) -> (Option<MadeSandbox>, Option<Place>) {
    let Some(Warm { sandbox, place }) = offer.accept() else { return (None, None) };
    let id = sandbox.id;
    // From here on it is removed, and not offered to anybody again, if this comes to no good end.
    let made = MadeSandbox::new(Arc::clone(runner), HostedSandbox { warm: true, ..sandbox });
    if !is_well(made.sandbox()).await {
        tracing::warn!(sandbox = %id, "a warm sandbox is not well; another one is made");
        return (None, Some(place));
    }
    match runner.host.claim(id, request).await {
        Ok(()) => {
            tracing::info!(sandbox = %id, session = %request.session, role = request.role.as_str(), "claimed a warm sandbox");
            (Some(made), Some(place))
        }
        Err(error) => {
            tracing::warn!(sandbox = %id, %error, "a warm sandbox could not be claimed; another one is made");
            (None, Some(place))
        }
    }
}

/// Whether its agent answers and its engine, if it has one, is up.
pub(super) async fn is_well(sandbox: &HostedSandbox) -> bool {
    match tokio::time::timeout(CHECK_LIMIT, sandbox.agent.status()).await {
        Ok(Ok(status)) => matches!(status.engine.state, EngineState::Ready | EngineState::Absent),
        _ => false,
    }
}
