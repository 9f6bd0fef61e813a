//! What the pool holds, and what it is to do next.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;
use std::time::Instant;

use containrlab_domain::ids::SandboxId;
use tokio::sync::{Notify, oneshot};

use super::admission::Seat;
use super::demand::Demand;
use crate::host::HostedSandbox;
use crate::runner::{Place, lock};
use crate::sandbox::Listed;
use crate::settings::WarmSettings;

/// A warm sandbox, with the place that it takes.
pub(super) struct Warm {
    pub(super) sandbox: HostedSandbox,
    pub(super) place: Place,
}

/// The warm sandboxes of a runner.
pub(crate) struct Pool {
    pub(super) limits: WarmSettings,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    ready: VecDeque<Warm>,
    making: Option<Making>,
    /// Sandboxes that this process made or took over warm, until they are gone. The reaper may still see one as warm that
    /// has been claimed since it looked.
    known: HashSet<SandboxId>,
    demand: Demand,
    last_asked: Option<Instant>,
}

/// The one sandbox that is being made.
#[derive(Default)]
struct Making {
    waiter: Option<oneshot::Sender<Seat>>,
}

/// What the keeper is to do.
pub(super) enum Step {
    /// One more.
    Make,
    /// One too many.
    Remove(Warm),
    /// It is as it should be.
    Rest,
}

impl Pool {
    pub(crate) fn new(limits: WarmSettings) -> Self {
        Self { limits, state: Mutex::default(), changed: Notify::new() }
    }

    /// Somebody needs a sandbox now; the demand follows.
    pub(super) fn note_demand(&self) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.demand.note(now);
        state.last_asked = Some(now);
        drop(state);
        self.changed.notify_one();
    }

    /// When somebody needed one last.
    pub(super) fn last_asked(&self) -> Option<Instant> {
        lock(&self.state).last_asked
    }

    pub(super) fn next_step(&self) -> Step {
        let mut state = lock(&self.state);
        let target = state.demand.target(Instant::now(), self.limits);
        if state.ready.len() > target {
            return state.ready.pop_front().map_or(Step::Rest, |warm| {
                state.known.remove(&warm.sandbox.id);
                Step::Remove(warm)
            });
        }
        if state.ready.len() < target && state.making.is_none() { Step::Make } else { Step::Rest }
    }

    /// The one that waits longest.
    pub(super) fn take(&self) -> Option<Warm> {
        lock(&self.state).ready.pop_front()
    }

    /// The one that is being made, unless it is promised already.
    pub(super) fn take_next(&self) -> Option<oneshot::Receiver<Seat>> {
        let mut state = lock(&self.state);
        let making = state.making.as_mut().filter(|making| is_free(making))?;
        let (promise, promised) = oneshot::channel();
        making.waiter = Some(promise);
        Some(promised)
    }

    /// Whether somebody who asks gets a place from here.
    pub(crate) fn has_place(&self) -> bool {
        self.places() > 0
    }

    /// How many who ask get a place from here.
    pub(crate) fn places(&self) -> usize {
        let state = lock(&self.state);
        state.ready.len() + usize::from(state.making.as_ref().is_some_and(is_free))
    }

    pub(super) fn put(&self, warm: Warm) {
        let mut state = lock(&self.state);
        state.known.insert(warm.sandbox.id);
        state.ready.push_back(warm);
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).ready.len()
    }

    pub(super) fn begin_making(&self) {
        lock(&self.state).making = Some(Making::default());
    }

    /// Nothing is being made any more. Gives whoever waits for the outcome.
    pub(super) fn end_making(&self) -> Option<oneshot::Sender<Seat>> {
        lock(&self.state).making.take()?.waiter
    }

    pub(super) fn note(&self, sandbox: SandboxId) {
        lock(&self.state).known.insert(sandbox);
    }

    /// The sandbox is about to be removed.
    pub(crate) fn forget(&self, sandbox: SandboxId) {
        lock(&self.state).known.remove(&sandbox);
    }

    /// Whether this process knows of a warm sandbox, or did when it was still warm.
    pub(crate) fn knows(&self, sandbox: SandboxId) -> bool {
        lock(&self.state).known.contains(&sandbox)
    }

    /// Takes out those of which nothing lives any more.
    pub(super) fn take_dead(&self, listed: &[Listed], before: &HashSet<SandboxId>) -> Vec<Warm> {
        let lives = |id| listed.iter().any(|listed| listed.spec.id == id && listed.alive);
        let mut state = lock(&self.state);
        let all = std::mem::take(&mut state.ready);
        // One that became ready after the list was asked for need not be in it.
        let (alive, dead): (VecDeque<Warm>, VecDeque<Warm>) =
            all.into_iter().partition(|warm| !before.contains(&warm.sandbox.id) || lives(warm.sandbox.id));
        state.ready = alive;
        state.known.retain(|id| !before.contains(id) || lives(*id));
        dead.into()
    }

    pub(super) fn known(&self) -> HashSet<SandboxId> {
        lock(&self.state).known.clone()
    }

    /// Waits until somebody has asked for one since the last time that this was waited for.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Whether nobody waits for it, or whoever did has gone.
fn is_free(making: &Making) -> bool {
    making.waiter.as_ref().is_none_or(oneshot::Sender::is_closed)
}
