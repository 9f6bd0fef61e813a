//! Counters of what leaves no trace in the ledger.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of this process.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Messages that name no job.
    pub(crate) unknown: Counter,
    /// Messages about jobs that somebody holds or that are over.
    pub(crate) repeated: Counter,
    /// Starts that the ledger refused.
    pub(crate) refused_starts: Counter,
    /// Outcomes that the ledger refused, because the lease was stale or the session over.
    pub(crate) refused_outcomes: Counter,
    /// Leases that were lost while their work was under way.
    pub(crate) lost_leases: Counter,
    /// Jobs that were put off because there was no room.
    pub(crate) put_off: Counter,
    /// Those of them that had to wait for the disk, not for memory.
    pub(crate) put_off_for_disk: Counter,
    /// Jobs that panicked.
    pub(crate) panics: Counter,
}

impl Counts {
    /// All of them, by name.
    pub(crate) fn all(&self) -> [(&'static str, u64); 8] {
        [
            ("jobs_unknown", self.unknown.get()),
            ("jobs_repeated", self.repeated.get()),
            ("job_starts_refused", self.refused_starts.get()),
            ("job_outcomes_refused", self.refused_outcomes.get()),
            ("job_leases_lost", self.lost_leases.get()),
            ("jobs_put_off", self.put_off.get()),
            ("jobs_put_off_for_disk", self.put_off_for_disk.get()),
            ("job_panics", self.panics.get()),
        ]
    }
}

/// The counters of this process.
pub(crate) static COUNTS: Counts = Counts {
    unknown: Counter(AtomicU64::new(0)),
    repeated: Counter(AtomicU64::new(0)),
    refused_starts: Counter(AtomicU64::new(0)),
    refused_outcomes: Counter(AtomicU64::new(0)),
    lost_leases: Counter(AtomicU64::new(0)),
    put_off: Counter(AtomicU64::new(0)),
    put_off_for_disk: Counter(AtomicU64::new(0)),
    panics: Counter(AtomicU64::new(0)),
};
