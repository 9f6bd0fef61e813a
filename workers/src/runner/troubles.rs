//! Notices trouble in sandboxes that live on, and tells of it: the ledger, and so the learner; the log, with a count.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use containrlab_agent::message::{EngineState, Status};
use containrlab_domain::ids::SessionId;
use containrlab_domain::session::{Session, SessionCommand, Trouble};
use containrlab_store::CommandError;

use super::{Held, Runner, by_runner};
use crate::error::Error;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long an agent may take to say how it is; one that is busier than that is asked again the next time.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Asking for a disk's use costs a process, so it is done at every third look.
const LOOKS_A_DISK_LOOK: u64 = 3;

/// How long the same kind of trouble is not told again.
const QUIET: Duration = Duration::from_secs(60);

/// What an engine that can't read its own store says of it while it fails to start, as dockerd and containerd of Docker 26 word it.
const DAMAGE: [&str; 4] = [
    // Of the databases of images, snapshots, builds, networks or volumes.
    "invalid database",
    "Couldn't create reference store repository",
    "error initializing graphdriver: driver not supported",
    "failed to start daemon: mkdir /var/lib/containrlab/docker/image",
];

/// What an engine says that can't use the learner's daemon.json.
const MISCONFIGURED: &str = "unable to configure the Docker daemon with file";

/// Trouble that this process has told of, in the order of [`Trouble::ALL`].
static TOLD: [AtomicU64; Trouble::ALL.len()] = [const { AtomicU64::new(0) }; Trouble::ALL.len()];

/// How often this process has told of each kind of trouble.
pub(crate) fn told() -> [(Trouble, u64); Trouble::ALL.len()] {
    Trouble::ALL.map(|trouble| (trouble, TOLD[trouble as usize].load(Ordering::Relaxed)))
}

/// Looks after the sandboxes of sessions until the runner drains.
pub(crate) async fn run(runner: Arc<Runner>) {
    let mut watches: HashMap<SessionId, Watch> = HashMap::new();
    // What stands at the beginning was told by the process before.
    for held in runner.all_held() {
        let sight = look(&runner, &held, true).await;
        watches.insert(held.session, Watch::from(sight));
    }
    for round in 1_u64.. {
        tokio::select! {
            () = runner.draining.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let all = runner.all_held();
        watches.retain(|session, _| all.iter().any(|held| held.session == *session));
        let with_disk = round % LOOKS_A_DISK_LOOK == 0;
        let sights = futures::future::join_all(all.iter().map(|held| look(&runner, held, with_disk))).await;
        for (held, sight) in all.iter().zip(sights) {
            let watch = watches.entry(held.session).or_default();
            for trouble in watch.compare(&sight, Instant::now()) {
                if let Err(error) = tell(&runner, held, trouble).await {
                    tracing::warn!(session = %held.session, trouble = trouble.code(), %error, "trouble could not be told");
                }
            }
        }
    }
}

async fn tell(runner: &Runner, held: &Held, trouble: Trouble) -> Result<(), Error> {
    let count = TOLD[trouble as usize].fetch_add(1, Ordering::Relaxed) + 1;
    tracing::warn!(
        session = %held.session, sandbox = %held.sandbox.id, trouble = trouble.code(), count, "a sandbox has trouble"
    );
    let command = SessionCommand::ReportTrouble { trouble };
    match runner.store.execute::<Session>(held.session.0, command, &by_runner()).await {
        // It ends at this moment: then nobody needs to know.
        Ok(_) | Err(CommandError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What can be seen of a sandbox in one look; what could not be asked is missing.
#[derive(Debug, Clone, Default)]
struct Sight {
    status: Option<Status>,
    disk_full: Option<bool>,
    floods: u64,
}

async fn look(runner: &Runner, held: &Held, with_disk: bool) -> Sight {
    let id = held.sandbox.id;
    // Whether it lives at all is for others to find out.
    let status = tokio::time::timeout(ANSWER_LIMIT, held.sandbox.agent.status()).await;
    let disk_full = if with_disk { runner.host.is_disk_full(id).await } else { Ok(None) };
    Sight {
        status: status.ok().and_then(Result::ok),
        disk_full: disk_full.unwrap_or_else(|error| {
            tracing::debug!(sandbox = %id, %error, "a disk's use is not known");
            None
        }),
        floods: held.terminals.floods().await,
    }
}

/// What was seen of a sandbox so far, and when what was told.
#[derive(Debug, Default)]
struct Watch {
    oom_kills: u64,
    pids_refused: u64,
    missing_layers: u32,
    restarts: u32,
    failed: bool,
    disk_full: bool,
    floods: u64,
    told: HashMap<Trouble, Instant>,
}

impl From<Sight> for Watch {
    fn from(sight: Sight) -> Self {
        let mut watch = Self::default();
        watch.compare(&sight, Instant::now());
        watch.told.clear();
        watch
    }
}

impl Watch {
    /// What is new since the last look and is to be told.
    fn compare(&mut self, sight: &Sight, now: Instant) -> Vec<Trouble> {
        let mut found = Vec::new();
        if let Some(status) = &sight.status {
            if let Some(vitals) = status.vitals {
                if grew(&mut self.oom_kills, vitals.oom_kills) {
                    found.push(Trouble::OutOfMemory);
                }
                if grew(&mut self.pids_refused, vitals.pids_refused) {
                    found.push(Trouble::TooManyProcesses);
                }
            }
            found.extend(self.engine(status));
            if status.engine.state == EngineState::Ready
                && grew(&mut self.missing_layers, status.engine.missing_layers)
            {
                found.push(Trouble::ImageStoreDamaged);
            }
        }
        if let Some(full) = sight.disk_full
            && !std::mem::replace(&mut self.disk_full, full)
            && full
        {
            found.push(Trouble::DiskFull);
        }
        if grew(&mut self.floods, sight.floods) {
            found.push(Trouble::OutputFlood);
        }
        found.retain(|trouble| {
            let quiet = self.told.get(trouble).is_some_and(|told| now.duration_since(*told) < QUIET);
            if !quiet {
                self.told.insert(*trouble, now);
            }
            !quiet
        });
        found
    }

    fn engine(&mut self, status: &Status) -> Option<Trouble> {
        let engine = &status.engine;
        match engine.state {
            // Told once it is up again: until then it is not known which of the two it is.
            EngineState::Ready => {
                self.failed = false;
                (std::mem::replace(&mut self.restarts, engine.restarts) < engine.restarts)
                    .then_some(Trouble::EngineDied)
            }
            EngineState::Failed if !std::mem::replace(&mut self.failed, true) => {
                let says = |words: &str| engine.log.iter().any(|line| line.contains(words));
                Some(if says(MISCONFIGURED) {
                    Trouble::EngineMisconfigured
                } else if DAMAGE.into_iter().any(says) {
                    Trouble::ImageStoreDamaged
                } else {
                    Trouble::EngineFailed
                })
            }
            _ => None,
        }
    }
}

fn grew<N: PartialOrd + Copy>(known: &mut N, seen: N) -> bool {
    std::mem::replace(known, seen) < seen
}

#[cfg(test)]
mod tests {
    use containrlab_agent::message::{EngineStatus, Vitals};

    use super::*;

    fn sight(state: EngineState, restarts: u32, log: &[&str]) -> Sight {
        let engine = EngineStatus {
            state,
            since_ms: 0,
            first_ready_ms: None,
            restarts,
            detail: None,
            log: log.iter().map(|line| (*line).to_owned()).collect(),
            missing_layers: 0,
        };
        let vitals = Some(Vitals::default());
        let status = Status { engine, uptime_ms: 0, terminals: 0, execs: 0, vitals };
        Sight { status: Some(status), ..Sight::default() }
    }

    fn with(vitals: Vitals) -> Sight {
        let mut sight = sight(EngineState::Ready, 0, &[]);
        if let Some(status) = &mut sight.status {
            status.vitals = Some(vitals);
        }
        sight
    }

    #[test]
    fn counters_that_grow_are_told_but_not_every_time() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let oom = |oom_kills| with(Vitals { oom_kills, pids_refused: 0 });
        assert_eq!(watch.compare(&oom(0), start), []);
        assert_eq!(watch.compare(&oom(1), start), [Trouble::OutOfMemory]);
        assert_eq!(watch.compare(&oom(5), start), []);
        assert_eq!(watch.compare(&Sight::default(), start), [], "what can't be asked is no news");
        assert_eq!(watch.compare(&oom(5), start + QUIET), []);
        assert_eq!(watch.compare(&oom(6), start + QUIET), [Trouble::OutOfMemory]);
        let refused = with(Vitals { oom_kills: 6, pids_refused: 9 });
        assert_eq!(watch.compare(&refused, start), [Trouble::TooManyProcesses]);
    }

    #[test]
    fn what_an_earlier_process_saw_is_not_told_again() {
        let seen = with(Vitals { oom_kills: 4, pids_refused: 2 });
        let mut watch = Watch::from(Sight { disk_full: Some(true), floods: 1, ..seen.clone() });
        let now = Instant::now();
        assert_eq!(watch.compare(&Sight { disk_full: Some(true), floods: 1, ..seen }, now), []);
        let more = with(Vitals { oom_kills: 5, pids_refused: 2 });
        assert_eq!(watch.compare(&more, now), [Trouble::OutOfMemory], "but what is new is");
    }

    #[test]
    fn an_engine_that_is_back_is_told_from_one_that_stays_away() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert_eq!(watch.compare(&sight(EngineState::Restarting, 1, &[]), now), []);
        assert_eq!(watch.compare(&sight(EngineState::Ready, 1, &[]), now), [Trouble::EngineDied]);
        assert_eq!(watch.compare(&sight(EngineState::Ready, 1, &[]), now), []);
        assert_eq!(watch.compare(&sight(EngineState::Failed, 7, &["x"]), now), [Trouble::EngineFailed]);
        assert_eq!(watch.compare(&sight(EngineState::Failed, 8, &["x"]), now), []);
        let log = [
            "failed to start daemon: Error initializing network controller: error obtaining controller instance: invalid database",
        ];
        let mut watch = Watch::default();
        assert_eq!(watch.compare(&sight(EngineState::Failed, 7, &log), now), [Trouble::ImageStoreDamaged]);
    }

    #[test]
    fn layers_that_are_lost_are_told_while_the_engine_is_up() {
        let lost = |state, missing_layers| {
            let mut sight = sight(state, 0, &[]);
            if let Some(status) = &mut sight.status {
                status.engine.missing_layers = missing_layers;
            }
            sight
        };
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert_eq!(watch.compare(&lost(EngineState::Starting, 3), now), []);
        assert_eq!(watch.compare(&lost(EngineState::Ready, 3), now), [Trouble::ImageStoreDamaged]);
        assert_eq!(watch.compare(&lost(EngineState::Ready, 3), now + QUIET), []);
        assert_eq!(watch.compare(&lost(EngineState::Ready, 4), now + QUIET), [Trouble::ImageStoreDamaged]);
    }

    #[test]
    fn a_disk_that_stays_full_is_told_once() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let disk = |full| Sight { disk_full: full, ..Sight::default() };
        assert_eq!(watch.compare(&disk(Some(true)), start), [Trouble::DiskFull]);
        assert_eq!(watch.compare(&disk(None), start + QUIET), []);
        assert_eq!(watch.compare(&disk(Some(true)), start + QUIET), []);
        assert_eq!(watch.compare(&disk(Some(false)), start + QUIET), []);
        assert_eq!(watch.compare(&disk(Some(true)), start + QUIET), [Trouble::DiskFull]);
    }
}
