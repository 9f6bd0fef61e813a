//! A stream of a session's events: what all of them have in common, whoever follows.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::SessionId;
use containrlab_store::live::Doorbell;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::state::App;
use crate::{Error, problem};

/// How often a stream says something when there is nothing to say, so that nothing in between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events that may wait for a slow reader before the stream waits for it.
const IN_FLIGHT: usize = 16;

/// One view of a session.
pub(super) trait Follower: Send + 'static {
    /// What is new since it was last asked.
    fn step(&mut self) -> impl Future<Output = Result<Step, Error>> + Send;

    /// Waits for what no bell tells.
    fn changed(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// The last event of all.
    fn farewell(&self) -> Event;
}

/// What is new, and what is to be expected.
pub(super) struct Step {
    pub(super) events: Vec<Event>,
    pub(super) next: Next,
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// When something happens.
    Later,
    /// At once: there was more than was read.
    Now,
    /// Never: nothing will happen any more.
    Never,
}

impl Next {
    /// After logs were read, of which there may be more, in a session in which all may be over.
    pub(super) fn after(more: bool, over: bool) -> Self {
        match (more, over) {
            (true, _) => Self::Now,
            (false, true) => Self::Never,
            (false, false) => Self::Later,
        }
    }
}

/// Answers with a stream. Everything is read once before the answer, so that a database that is away is told by a status,
/// which makes whoever asked come back later.
pub(super) async fn answer(
    app: App,
    session: SessionId,
    mut follower: impl Follower,
) -> Result<Response, Error> {
    // Hung up before the first look, so that nothing falls in between.
    let bell = app.store.live().subscribe(session);
    let first = follower.step().await?;
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    tokio::spawn(async move {
        if let Err(error) = follow(&app, bell, follower, first, &sender).await {
            // Whoever followed connects again and is told by a status.
            tracing::warn!(%session, error = %problem::chain(&error), "a stream of events broke off");
        }
    });
    let stream = ReceiverStream::new(receiver);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

async fn follow(
    app: &App,
    mut bell: Doorbell,
    mut follower: impl Follower,
    first: Step,
    sender: &mpsc::Sender<Result<Event, Infallible>>,
) -> Result<(), Error> {
    let mut step = first;
    loop {
        for event in step.events {
            // An error means that nobody listens any more.
            if sender.send(Ok(event)).await.is_err() {
                return Ok(());
            }
        }
        match step.next {
            Next::Never => {
                let _ = sender.send(Ok(follower.farewell())).await;
                return Ok(());
            }
            Next::Now => {}
            Next::Later => tokio::select! {
                () = bell.rung() => {}
                () = follower.changed() => {}
                () = sender.closed() => return Ok(()),
                () = app.shutdown.cancelled() => return Ok(()),
            },
        }
        step = follower.step().await?;
    }
}
