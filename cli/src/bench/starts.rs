//! From the POST that starts a lab to the first bytes of the prompt in the browser's WebSocket, beside a plain `docker run` of
//! the same image until the engine in it answers.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use containrlab_agent::message::EngineState;
use containrlab_workers::sandbox::Role;
use serde_json::json;

use super::figure::{Bed, Better, Figure, Measured};
use super::house::{Running, failure};
use crate::demo::client::{self, Client};
use crate::demo::live::Live;
use crate::demo::{end, terminal};
use crate::failure::Failure;

/// Cold starts, and plain runs between them.
const COLD: usize = 5;

/// Warm starts: as many as a p95 needs to be more than the slowest.
const WARM: usize = 21;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long after a warm sandbox is well until its runner surely knows.
const NOTED: Duration = Duration::from_millis(700);

/// All that was measured, sorted.
pub(super) struct Times {
    plain: Vec<Duration>,
    cold: Vec<Duration>,
    warm: Vec<Duration>,
}

async fn times(bed: &Bed) -> Result<&Times, Failure> {
    let running = bed.house.running().await?;
    bed.house.times.get_or_try_init(|| measure(running)).await
}

async fn measure(running: &Running) -> Result<Times, Failure> {
    let mut times = Times { plain: Vec::new(), cold: Vec::new(), warm: Vec::new() };
    // The first of each kind finds nothing in any cache.
    running.own.run_plainly().await.map_err(failure)?;
    for _ in 0..COLD {
        until_warm(running).await?;
        times.plain.push(running.own.run_plainly().await.map_err(failure)?);
        // Somebody else takes the warm one; the next one is not begun before the cold start is under way.
        let other = Learner::new(&running.url).await?;
        let (learner, warm) = (Learner::new(&running.url).await?, other.start().await?);
        let (took, session) = learner.first_prompt().await?;
        times.cold.push(took);
        end(&learner.client, &session).await?;
        end(&other.client, &warm).await?;
    }
    for _ in 0..WARM {
        until_warm(running).await?;
        let learner = Learner::new(&running.url).await?;
        let (took, session) = learner.first_prompt().await?;
        times.warm.push(took);
        end(&learner.client, &session).await?;
    }
    for all in [&mut times.plain, &mut times.cold, &mut times.warm] {
        all.sort_unstable();
    }
    Ok(times)
}

/// Waits until a warm sandbox is there and nothing else is being made.
async fn until_warm(running: &Running) -> Result<(), Failure> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        for listed in running.runners.list().await.map_err(failure)? {
            if listed.spec.role == Role::Warm
                && listed.alive
                && let Ok(sandbox) = running.runners.adopt(listed.spec.id).await
                && let Ok(status) = sandbox.agent().status().await
                && status.engine.state == EngineState::Ready
            {
                tokio::time::sleep(NOTED).await;
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Failure::Plain("No sandbox became warm.".into()))
}

/// Somebody who has signed in.
struct Learner {
    client: Client,
}

impl Learner {
    async fn new(url: &str) -> Result<Self, Failure> {
        let client = Client::new(url)?;
        client.sign_in(&format!("Bench {:08x}", rand::random::<u32>())).await?;
        Ok(Self { client })
    }

    /// Starts a lab and waits until its sandbox is ready. Gives the session.
    async fn start(&self) -> Result<String, Failure> {
        let session = self.client.post("/api/labs/lab1/start", &json!({})).await?;
        let session = client::text(&session, "id")?.to_owned();
        let mut live = Live::follow(&self.client, &session).await?;
        live.until(PATIENCE, "the sandbox", |event| {
            Ok((event.name == "session" && event.data["phase"] == "ready").then_some(()))
        })
        .await?;
        Ok(session)
    }

    /// Starts a lab and opens its terminal. Gives how long that took, and the session.
    async fn first_prompt(&self) -> Result<(Duration, String), Failure> {
        let begun = Instant::now();
        let session = self.start().await?;
        terminal::prompt(&self.client, &session).await?;
        Ok((begun.elapsed(), session))
    }
}

/// The time that this part of all stayed under, in seconds.
fn part(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).map_or(0.0, Duration::as_secs_f64)
}

/// A start without a warm sandbox.
pub(super) struct Cold;

/// A start with one, in the middle.
pub(super) struct WarmHalf;

/// A start with one, at its slowest but for a twentieth.
pub(super) struct WarmMost;

macro_rules! figure {
    ($figure:ty, $name:literal, $target:literal, $kind:ident, $percent:literal) => {
        #[async_trait]
        impl Figure for $figure {
            fn name(&self) -> &'static str {
                $name
            }

            fn unit(&self) -> &'static str {
                "s"
            }

            fn better(&self) -> Better {
                Better::Less
            }

            fn baseline(&self) -> &'static str {
                "plain docker run, p50"
            }

            fn target_ratio(&self) -> f64 {
                $target
            }

            async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
                let times = times(bed).await?;
                Ok(Measured { ours: part(&times.$kind, $percent), baseline: part(&times.plain, 50) })
            }
        }
    };
}

figure!(Cold, "start to prompt, cold p50", 1.2, cold, 50);
figure!(WarmHalf, "start to prompt, warm p50", 0.125, warm, 50);
figure!(WarmMost, "start to prompt, warm p95", 0.25, warm, 95);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_from_what_was_measured() {
        let sorted: Vec<_> = (1..=20).map(Duration::from_secs).collect();
        assert_eq!((part(&sorted, 50), part(&sorted, 95), part(&[], 50)), (10.0, 19.0, 0.0));
    }
}
