//! The ledger under fire: the real processes on the real PostgreSQL and Redis, random learners, random faults. Afterwards
//! everything that was promised must be there, and done once.
//!
//! `make soak SEED=7 SECONDS=600` runs it for longer; `FAULTS=kill-runner,flush` leaves kinds of faults out. A plan that
//! fails is done again with less and less of it, until it is as short as it can be. Beside the random plan, single faults that it
//! would hit too rarely are done to the system at the worst moment.

mod chaos;
mod clock;
mod encrypted;
mod fire;
mod house;
mod late;
mod learners;
mod outage;
mod person;
mod plan;
mod poison;
mod services;
mod shrink;
mod stopped;
mod work;

use std::time::Duration;

/// How much shorter than in earnest leases and patience are.
const HASTE: u32 = 10;

/// Longest wait for anything that should happen.
const PATIENCE: Duration = Duration::from_secs(60);
