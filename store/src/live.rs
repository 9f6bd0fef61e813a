//! Bells: who waits for something new in a session, or for work in a queue, is woken within a millisecond.
//!
//! A bell carries no data. Whoever hears it reads the ledger again, so a missed ring costs at most one tick of
//! [`TICK`], never data. One connection of this process to Redis listens for all bells that somebody waits at.

mod wire;

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use containrlab_domain::ids::SessionId;
use futures::{Stream, StreamExt};
use redis::aio::ConnectionManager;
use tokio::sync::{Notify, watch};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::queue::Queue;

/// The longest that anybody waits for a bell before looking for themselves.
pub const TICK: Duration = Duration::from_secs(1);

/// The bells of this process.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
    /// Ends the two tasks with the last clone.
    _stop: Arc<DropGuard>,
}

struct Shared {
    namespace: String,
    /// See [`TICK`]; only a measurement has another.
    tick: Duration,
    /// Tells this process' own rings, which were heard already, from those of others.
    process: String,
    /// Bells that somebody waits at, by channel.
    bells: Mutex<HashMap<String, watch::Sender<u64>>>,
    /// The set of bells changed.
    listening_changed: Notify,
    /// Channels on which others are to hear a ring; a set, so that many rings of one bell become one message.
    outgoing: Mutex<HashSet<String>>,
    outgoing_changed: Notify,
}

/// What is never left half done by a panic needs no poison.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    pub(crate) fn start(
        client: redis::Client,
        connection: ConnectionManager,
        namespace: String,
        tick: Duration,
    ) -> Self {
        let shared = Arc::new(Shared {
            namespace,
            tick,
            process: Uuid::new_v4().simple().to_string(),
            bells: Mutex::default(),
            listening_changed: Notify::new(),
            outgoing: Mutex::default(),
            outgoing_changed: Notify::new(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(wire::listen(client, shared.clone())));
        tokio::spawn(stop.clone().run_until_cancelled_owned(wire::publish(connection, shared.clone())));
        Self { shared, _stop: Arc::new(stop.drop_guard()) }
    }

    /// Waits at a session's bell from now on.
    pub fn subscribe(&self, session: SessionId) -> Doorbell {
        self.doorbell(self.session_channel(session))
    }

    /// Rings a session's bell, here and in all other processes.
    pub fn ring(&self, session: SessionId) {
        self.ring_channel(self.session_channel(session));
    }

    pub(crate) fn outbox(&self) -> Doorbell {
        self.doorbell(self.outbox_channel())
    }

    /// Something is owed to the queue. A process that relays does so at once and tells nobody: two relays after the same rows
    /// only stand in one another's way. Should it die before it has, another one finds them at its next tick.
    pub(crate) fn ring_outbox(&self) {
        let channel = self.outbox_channel();
        if !self.shared.ring_here(&channel) {
            self.tell_others(channel);
        }
    }

    pub(crate) fn log(&self) -> Doorbell {
        self.doorbell(self.log_channel())
    }

    /// The log has grown. What follows it is in no haste, so nobody else is told.
    pub(crate) fn ring_log(&self) {
        self.shared.ring_here(&self.log_channel());
    }

    pub(crate) fn queue(&self, queue: &Queue) -> Doorbell {
        self.doorbell(self.queue_channel(queue))
    }

    /// Where a queue's bell hangs in Redis, and what this process says when it rings it: whoever has a message for Redis
    /// anyway rings with it.
    pub(crate) fn queue_bell(&self, queue: &Queue) -> (String, &str) {
        (self.queue_channel(queue), &self.shared.process)
    }

    /// Rings a queue's bell in this process, which does not heed its own rings from Redis.
    pub(crate) fn ring_queue_here(&self, queue: &Queue) {
        self.shared.ring_here(&self.queue_channel(queue));
    }

    fn session_channel(&self, session: SessionId) -> String {
        format!("{}:bell:session:{session}", self.shared.namespace)
    }

    fn outbox_channel(&self) -> String {
        format!("{}:bell:outbox", self.shared.namespace)
    }

    fn log_channel(&self) -> String {
        format!("{}:bell:log", self.shared.namespace)
    }

    fn queue_channel(&self, queue: &Queue) -> String {
        format!("{}:bell:queue:{queue}", self.shared.namespace)
    }

    fn doorbell(&self, channel: String) -> Doorbell {
        let mut is_new = false;
        let receiver = locked(&self.shared.bells)
            .entry(channel.clone())
            .or_insert_with(|| {
                is_new = true;
                watch::Sender::new(0)
            })
            .subscribe();
        if is_new {
            self.shared.listening_changed.notify_one();
        }
        Doorbell { receiver: Some(receiver), channel, shared: self.shared.clone() }
    }

    fn ring_channel(&self, channel: String) {
        self.shared.ring_here(&channel);
        self.tell_others(channel);
    }

    fn tell_others(&self, channel: String) {
        if locked(&self.shared.outgoing).insert(channel) {
            self.shared.outgoing_changed.notify_one();
        }
    }
}

impl Shared {
    /// Whether anybody here waits at it.
    fn ring_here(&self, channel: &str) -> bool {
        let bells = locked(&self.bells);
        let bell = bells.get(channel);
        if let Some(bell) = bell {
            bell.send_modify(|rings| *rings += 1);
        }
        bell.is_some()
    }
}

/// A place to wait for news.
pub struct Doorbell {
    /// Taken only while it is dropped.
    receiver: Option<watch::Receiver<u64>>,
    channel: String,
    shared: Arc<Shared>,
}

impl Doorbell {
    /// Returns when the bell has rung since the last call, or after [`TICK`] at the latest.
    pub async fn rung(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            // The sender lives as long as there is a receiver, so only a ring or the tick ends this.
            let _ = tokio::time::timeout(self.shared.tick, receiver.changed()).await;
        }
    }

    /// Its rings and ticks as a stream that never ends.
    pub(crate) fn into_rings(self) -> Rings {
        let rings = self.receiver.clone().map(WatchStream::from_changes);
        let mut tick = tokio::time::interval(self.shared.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Rings { rings, tick, _bell: self }
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        self.receiver = None;
        let mut bells = locked(&self.shared.bells);
        if bells.get(&self.channel).is_some_and(|bell| bell.receiver_count() == 0) {
            bells.remove(&self.channel);
            drop(bells);
            self.shared.listening_changed.notify_one();
        }
    }
}

/// See [`Doorbell::into_rings`].
pub(crate) struct Rings {
    rings: Option<WatchStream<u64>>,
    tick: Interval,
    _bell: Doorbell,
}

impl Stream for Rings {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let rings = self.rings.as_mut();
        let rung = rings.is_some_and(|rings| matches!(rings.poll_next_unpin(cx), Poll::Ready(Some(_))));
        if rung || self.tick.poll_tick(cx).is_ready() { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}
