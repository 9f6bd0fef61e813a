//! The ledger under fire: the real processes on the real PostgreSQL and Redis, random learners, random faults. Afterwards
//! everything that was promised must be there, and done once.
//!
//! `make soak SEED=7 SECONDS=600` runs it for longer; `FAULTS=kill-runner,flush` leaves faults out, to find out which of
//! them a failure needs.

mod chaos;
mod fire;
mod house;
mod learners;
mod poison;
mod services;

use std::time::Duration;

/// How much shorter than in earnest leases and patience are.
const HASTE: u32 = 10;

/// Longest wait for anything that should happen.
const PATIENCE: Duration = Duration::from_secs(60);
