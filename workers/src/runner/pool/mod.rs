//! Warm sandboxes: engine up, lab images in place, workspace empty, waiting for whoever needs one next.
//!
//! ```text
//!  keeper ─► make, one at a time ─► ready ─► offered ─► claimed: the sandbox's own record says whose it is
//!                    └──────────── to whoever waits for it already ──┘   └► declined: ready again
//! ```
//!
//! # Architecture invariant: a sandbox is claimed before it is touched
//!
//! Whose a warm sandbox is stands with the sandbox itself ([`SandboxHost::claim`](crate::host::SandboxHost::claim)), in one step
//! that survives any crash, and before the first file is written into it. So what is still warm after a restart is
//! untouched and goes on waiting, and what was claimed is its session's, under its lease, like one that was made for it:
//! the ledger has it, or the reaper removes it.
//!
//! # Architecture invariant: no learner waits for a place that the pool has
//!
//! Each warm sandbox, also one that is just being made, holds a place of the [`Room`](super::Room), and each of these
//! places goes to whoever asks for one.

mod admission;
mod demand;
mod keeper;
mod state;

pub(crate) use admission::{Admission, redeem, verifier};
pub(crate) use keeper::{adopt, run};
pub(crate) use state::Pool;
