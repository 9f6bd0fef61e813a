//! The runner: what one process on one host holds and does.
//!
//! ```text
//! start: identity ─► adopt what lives, abandon what died, reap what nobody owns ─► register ─► gateway, workers
//! stop:  take no more jobs ─► finish what runs (bounded) ─► record terminals ─► leave sandboxes and shells alive
//! ```

mod capacity;
mod deaths;
mod disk;
mod held;
pub mod identity;
mod life;
mod made;
mod pool;
mod pulse;
mod reaper;
mod room;
mod startup;
mod troubles;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::JudgeKit;
use containrlab_domain::ids::{LeaseId, RequestId, RunnerId, SessionId};
use containrlab_store::Store;
use containrlab_store::labs::LabCatalog;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use capacity::capacity;
pub(crate) use deaths::abandon;
pub(crate) use held::Held;
pub(crate) use made::MadeSandbox;
pub(crate) use pool::{Admission, redeem, verifier};
pub(crate) use pulse::Pulse;
pub(crate) use room::{Place, Room};
pub(crate) use troubles::told as troubles_told;

use crate::error::Error;
use crate::host::SandboxHost;
use crate::settings::Settings;
use pool::Pool;

/// What all parts of a runner share.
pub(crate) struct Runner {
    pub(crate) id: RunnerId,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) host: Arc<dyn SandboxHost>,
    pub(crate) labs: LabCatalog,
    /// With what it judges.
    pub(crate) kit: JudgeKit,
    pub(crate) room: Room,
    pub(crate) pool: Pool,
    /// The runner is to stop: take nothing new.
    pub(crate) draining: CancellationToken,
    /// Its time to finish is over: let go of what still runs.
    pub(crate) hard_stop: CancellationToken,
    /// Work that must not die with whoever asked for it: a broken connection to Redis drops a worker's futures in the
    /// middle of an await.
    pub(crate) work: TaskTracker,
    held: Mutex<HashMap<SessionId, Arc<Held>>>,
    /// Leases under which this process works right now: what it makes under them has an owner.
    leases: Mutex<HashSet<LeaseId>>,
    /// Provisions under way, so that the end of a session can stop its own.
    starting: Mutex<HashMap<SessionId, CancellationToken>>,
}

impl Runner {
    pub(crate) fn new(
        id: RunnerId,
        settings: Settings,
        store: Store,
        host: Arc<dyn SandboxHost>,
        kit: JudgeKit,
    ) -> Result<Self, Error> {
        let labs = LabCatalog::load(&settings.labs_dir).map_err(|problems| Error::Labs {
            path: settings.labs_dir.clone(),
            problems: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        })?;
        let room = Room::new(capacity(&settings));
        let pool = Pool::new(settings.warm);
        Ok(Self {
            id,
            settings,
            store,
            host,
            labs,
            kit,
            room,
            pool,
            draining: CancellationToken::new(),
            hard_stop: CancellationToken::new(),
            work: TaskTracker::new(),
            held: Mutex::default(),
            leases: Mutex::default(),
            starting: Mutex::default(),
        })
    }

    /// The session, if this process holds its sandbox.
    pub(crate) fn held(&self, session: SessionId) -> Option<Arc<Held>> {
        lock(&self.held).get(&session).cloned()
    }

    /// All sessions whose sandboxes this process holds.
    pub(crate) fn all_held(&self) -> Vec<Arc<Held>> {
        lock(&self.held).values().cloned().collect()
    }

    pub(crate) fn hold(&self, held: Arc<Held>) {
        lock(&self.held).insert(held.session, held);
    }

    pub(crate) fn let_go(&self, session: SessionId) -> Option<Arc<Held>> {
        lock(&self.held).remove(&session)
    }

    /// Notes that this process works under a lease, until the guard is dropped.
    pub(crate) fn own(self: &Arc<Self>, lease: LeaseId) -> OwnedLease {
        lock(&self.leases).insert(lease);
        OwnedLease { runner: Arc::clone(self), lease }
    }

    pub(crate) fn owns(&self, lease: LeaseId) -> bool {
        lock(&self.leases).contains(&lease)
    }

    /// A token that ends the provision of this session.
    pub(crate) fn begin_start(&self, session: SessionId) -> CancellationToken {
        let token = CancellationToken::new();
        lock(&self.starting).insert(session, token.clone());
        token
    }

    pub(crate) fn end_start(&self, session: SessionId) {
        if let Some(token) = lock(&self.starting).remove(&session) {
            token.cancel();
        }
    }
}

/// See [`Runner::own`].
pub(crate) struct OwnedLease {
    runner: Arc<Runner>,
    lease: LeaseId,
}

impl Drop for OwnedLease {
    fn drop(&mut self) {
        lock(&self.runner.leases).remove(&self.lease);
    }
}

/// The runner's own hand in the ledger; each round of work is a request of its own.
pub(crate) fn by_runner() -> Provenance {
    Provenance { actor: Actor::System("runner"), request: RequestId(uuid::Uuid::now_v7()) }
}

/// Locks a map in which every change is one insert or remove, so that nothing half done can be seen after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
