//! Bells: who waits for something new in a session, or for work in a queue, is woken within a millisecond.
//!
//! A bell carries no data. Whoever hears it reads the ledger again, so a missed ring costs at most one tick of
//! [`TICK`], never data. One connection of this process to Redis listens for all bells that somebody waits at.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use containrlab_domain::ids::SessionId;
use futures::{Stream, StreamExt};
use redis::aio::{ConnectionManager, PubSubSink};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::queue::Queue;

/// The longest that anybody waits for a bell before looking for themselves.
pub const TICK: Duration = Duration::from_secs(1);

/// How long to wait before Redis is tried again.
const RECONNECT: Duration = Duration::from_millis(250);

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
        tokio::spawn(stop.clone().run_until_cancelled_owned(listen(client, shared.clone())));
        tokio::spawn(stop.clone().run_until_cancelled_owned(publish(connection, shared.clone())));
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

    pub(crate) fn ring_outbox(&self) {
        self.ring_channel(self.outbox_channel());
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
        if locked(&self.shared.outgoing).insert(channel) {
            self.shared.outgoing_changed.notify_one();
        }
    }
}

impl Shared {
    fn ring_here(&self, channel: &str) {
        if let Some(bell) = locked(&self.bells).get(channel) {
            bell.send_modify(|rings| *rings += 1);
        }
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

    /// The same as a stream that never ends.
    pub(crate) fn into_wake_ups(self) -> WakeUps {
        let receiver = self.receiver.clone();
        let mut tick = tokio::time::interval(self.shared.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        WakeUps {
            rings: receiver.map(WatchStream::from_changes),
            echo: Box::pin(tokio::time::sleep(Duration::ZERO)),
            echoed: ECHOES.len(),
            tick,
            _bell: self,
        }
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

/// How long after a ring it echoes. apalis forgets a wake-up that comes while a fetch is under way, and what was pushed
/// after that fetch had looked would wait for the tick.
const ECHOES: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(8), Duration::from_millis(40)];

/// Rings and ticks as a stream, made for apalis' polling: after each item it asks to be polled once more, and a ring has
/// a few echoes.
pub struct WakeUps {
    rings: Option<WatchStream<u64>>,
    echo: Pin<Box<Sleep>>,
    /// Echoes of the last ring so far; all of them: none is waited for.
    echoed: usize,
    tick: Interval,
    _bell: Doorbell,
}

impl Stream for WakeUps {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let mut woken = false;
        let this = &mut *self;
        if let Some(rings) = &mut this.rings {
            while let Poll::Ready(Some(_)) = rings.poll_next_unpin(cx) {
                woken = true;
                this.echoed = 0;
                this.echo.as_mut().reset(Instant::now() + ECHOES[0]);
            }
        }
        while this.echoed < ECHOES.len() && this.echo.as_mut().poll(cx).is_ready() {
            woken = true;
            this.echoed += 1;
            if let Some(next) = ECHOES.get(this.echoed) {
                this.echo.as_mut().reset(Instant::now() + *next);
            }
        }
        while this.tick.poll_tick(cx).is_ready() {
            woken = true;
        }
        if woken {
            cx.waker().wake_by_ref();
            Poll::Ready(Some(()))
        } else {
            Poll::Pending
        }
    }
}

/// Tells the other processes, as fast as Redis takes it. Rings are dropped while Redis is away: the ticks stand in.
async fn publish(mut connection: ConnectionManager, shared: Arc<Shared>) {
    let mut reachable = true;
    loop {
        shared.outgoing_changed.notified().await;
        let channels = std::mem::take(&mut *locked(&shared.outgoing));
        if channels.is_empty() {
            continue;
        }
        let mut pipe = redis::pipe();
        for channel in &channels {
            pipe.publish(channel, &shared.process).ignore();
        }
        let sent: Result<(), _> = pipe.query_async(&mut connection).await;
        match sent {
            Ok(()) => reachable = true,
            Err(error) => {
                if std::mem::replace(&mut reachable, false) {
                    tracing::warn!(%error, "Redis does not take bells; others notice news up to a second late");
                }
            }
        }
    }
}

/// Listens for the other processes, and comes back when the connection breaks.
async fn listen(client: redis::Client, shared: Arc<Shared>) {
    let mut reachable = true;
    loop {
        if let Err(error) = listen_once(&client, &shared).await
            && std::mem::replace(&mut reachable, false)
        {
            tracing::warn!(%error, "Redis rings no bells; news is noticed up to a second late");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn listen_once(client: &redis::Client, shared: &Shared) -> redis::RedisResult<()> {
    let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
    let mut subscribed = HashSet::new();
    loop {
        follow(&mut sink, &mut subscribed, shared).await?;
        tokio::select! {
            () = shared.listening_changed.notified() => {}
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                if message.get_payload_bytes() != shared.process.as_bytes() {
                    shared.ring_here(message.get_channel_name());
                }
            }
        }
    }
}

/// Brings the subscriptions in line with what is waited for.
async fn follow(
    sink: &mut PubSubSink,
    subscribed: &mut HashSet<String>,
    shared: &Shared,
) -> redis::RedisResult<()> {
    let wanted: HashSet<String> = locked(&shared.bells).keys().cloned().collect();
    for channel in subscribed.difference(&wanted) {
        sink.unsubscribe(channel).await?;
    }
    for channel in wanted.difference(subscribed) {
        sink.subscribe(channel).await?;
        // Whatever happened before the subscription stood was not heard: look once.
        shared.ring_here(channel);
    }
    *subscribed = wanted;
    Ok(())
}
