//! What happens to the system, at random points, from a seed.

use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

use super::HASTE;
use super::house::House;

/// Everything that can be done to it; `FAULTS=kill-api,flush` leaves the others out.
pub(crate) const ALL: &[&str] = &[
    "kill-api",
    "kill-runner",
    "stop-runner",
    "kill-redis",
    "flush",
    "kill-postgres",
    "arm-api",
    "arm-runner",
    "arm-runner",
];

/// Where a process may die or stall; the last three only in a runner.
const POINTS: [&str; 8] = [
    "append_written",
    "append_committed",
    "relay_marked",
    "relay_pushed",
    "relay_committed",
    "started",
    "acted",
    "recorded",
];

/// What was done, and when.
pub(crate) struct Chaos {
    random: StdRng,
    faults: Vec<String>,
    begun: Instant,
    resume: Vec<(usize, Instant)>,
    pub(crate) history: Vec<String>,
}

impl Chaos {
    pub(crate) fn new(random: StdRng, faults: Vec<String>) -> Self {
        Self { random, faults, begun: Instant::now(), resume: Vec::new(), history: Vec::new() }
    }

    /// Hurts the system for so long.
    pub(crate) async fn rage(&mut self, house: &mut House, duration: Duration) {
        while self.begun.elapsed() < duration {
            for _ in 0..self.random.random_range(1..8) {
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.bring_back(house).await;
            }
            let fault = self.faults[self.random.random_range(0..self.faults.len())].clone();
            self.strike(house, &fault).await;
        }
    }

    async fn strike(&mut self, house: &mut House, fault: &str) {
        let runner = self.random.random_range(0..house.runners.len());
        match fault {
            "kill-api" => house.api.kill(),
            "kill-runner" => house.runners[runner].kill(),
            "stop-runner" => {
                if house.runners[runner].stopped || !house.runners[runner].is_alive() {
                    return;
                }
                house.runners[runner].stop();
                // Sometimes shorter than a lease, sometimes longer.
                let lease = containrlab_store::LEASE / HASTE;
                let time = lease.mul_f64(self.random.random_range(0.3..2.5));
                self.resume.push((runner, Instant::now() + time));
            }
            "kill-redis" => house.services.redis.kill(),
            "kill-postgres" => house.services.postgres.kill(),
            "flush" => {
                if !house.services.redis.is_up() || house.flush().await.is_err() {
                    return;
                }
            }
            "arm-api" | "arm-runner" => {
                let is_api = fault == "arm-api";
                let point = POINTS[self.random.random_range(0..if is_api { 5 } else { 8 })];
                let effect = if self.random.random_bool(0.8) { "abort" } else { "stall" };
                let armed = format!("{point}:{effect}:{}", self.random.random_range(1..6));
                let part = if is_api { &mut house.api } else { &mut house.runners[runner] };
                part.kill();
                part.revive(Some(&armed));
                return self.note(&format!("{fault} {armed} {runner}"));
            }
            other => panic!("FAULTS names {other}, which is none of {ALL:?}"),
        }
        self.note(&format!("{fault} {runner}"));
    }

    /// Most of what is away comes back, some of it later.
    async fn bring_back(&mut self, house: &mut House) {
        let now = Instant::now();
        self.resume.retain(|(runner, at)| {
            if *at <= now {
                house.runners[*runner].resume();
            }
            *at > now
        });
        let random = &mut self.random;
        let mut back = Vec::new();
        if !house.services.postgres.is_up() && random.random_bool(0.5) {
            house.services.postgres.revive().await;
            back.push("postgres");
        }
        if !house.services.redis.is_up() && random.random_bool(0.5) {
            house.services.redis.revive().await;
            back.push("redis");
        }
        for part in house.parts() {
            if !part.is_alive() && random.random_bool(0.9) {
                part.revive(None);
                back.push(part.name);
            }
        }
        for name in back {
            self.note(&format!("{name} is back"));
        }
    }

    fn note(&mut self, what: &str) {
        self.history.push(format!("{:>8.3} {what}", self.begun.elapsed().as_secs_f64()));
    }
}
