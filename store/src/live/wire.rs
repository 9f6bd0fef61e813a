//! The wire between the bells of all processes: Redis' publish and subscribe.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use redis::aio::{ConnectionManager, PubSubSink};

use super::{Shared, locked};

/// How long to wait before Redis is tried again.
const RECONNECT: Duration = Duration::from_millis(250);

/// Tells the other processes, as fast as Redis takes it. Rings are dropped while Redis is away: the ticks stand in.
pub(super) async fn publish(mut connection: ConnectionManager, shared: Arc<Shared>) {
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
pub(super) async fn listen(client: redis::Client, shared: Arc<Shared>) {
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
