//! Room for sandboxes of learners: how many places there are by memory and by disk, and who has one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// As many as anybody wants.
const UNCOUNTED: usize = usize::MAX;

/// The places of a runner.
#[derive(Clone)]
pub(crate) struct Room {
    inner: Arc<Inner>,
}

struct Inner {
    /// What memory carries, or the operator wants.
    capacity: usize,
    /// What the disk carries at the moment, or [`UNCOUNTED`].
    disk: AtomicUsize,
    taken: AtomicUsize,
    freed: Notify,
}

/// A place for one sandbox; free again when dropped.
pub(crate) struct Place {
    inner: Arc<Inner>,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        let (disk, taken) = (AtomicUsize::new(UNCOUNTED), AtomicUsize::new(0));
        Self { inner: Arc::new(Inner { capacity, disk, taken, freed: Notify::new() }) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.inner.capacity
    }

    /// How many sandboxes the disk carries at the moment; `None` where nobody counts.
    pub(crate) fn carried_by_disk(&self) -> Option<usize> {
        Some(self.inner.disk.load(Ordering::Acquire)).filter(|carried| *carried != UNCOUNTED)
    }

    /// Notes how many sandboxes the disk carries from now on, those that are there included.
    pub(crate) fn hold_to_disk(&self, carried: usize) {
        if self.inner.disk.swap(carried, Ordering::AcqRel) < carried {
            self.tell();
        }
    }

    /// Whether there would be a place if the disk carried more.
    pub(crate) fn is_short_of_disk(&self) -> bool {
        let carried = self.inner.disk.load(Ordering::Acquire);
        (carried..self.inner.capacity).contains(&self.inner.taken.load(Ordering::Acquire))
    }

    fn places(&self) -> usize {
        self.inner.capacity.min(self.inner.disk.load(Ordering::Acquire))
    }

    /// A place, if there is one.
    pub(crate) fn take(&self) -> Option<Place> {
        let places = self.places();
        let below = |taken: usize| (taken < places).then_some(taken + 1);
        self.inner.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).ok()?;
        Some(Place { inner: Arc::clone(&self.inner) })
    }

    /// Places that nobody has.
    pub(crate) fn free(&self) -> usize {
        self.places().saturating_sub(self.inner.taken.load(Ordering::Acquire))
    }

    /// Whether there is a place.
    pub(crate) fn is_free(&self) -> bool {
        self.free() > 0
    }

    /// A place for a sandbox that is there already, whether there is room or not: somebody may have lowered the
    /// capacity since it was made.
    pub(crate) fn take_anyway(&self) -> Place {
        self.inner.taken.fetch_add(1, Ordering::AcqRel);
        Place { inner: Arc::clone(&self.inner) }
    }

    /// Says that there may be a place, although none came free.
    pub(crate) fn tell(&self) {
        self.inner.freed.notify_one();
    }

    /// Waits until a place became free since the last time that this was waited for.
    pub(crate) async fn freed(&self) {
        self.inner.freed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.taken.fetch_sub(1, Ordering::AcqRel);
        self.inner.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_taken_once_and_comes_back() {
        let room = Room::new(1);
        let place = room.take().unwrap();
        assert!(room.take().is_none());
        drop(place);
        room.freed().await;
        let adopted = (room.take_anyway(), room.take_anyway());
        assert!(room.take().is_none());
        drop(adopted.0);
        assert!(room.take().is_none());
        drop(adopted.1);
        assert!(room.take().is_some());
    }

    #[tokio::test]
    async fn a_full_disk_takes_places_away_and_gives_them_back() {
        let room = Room::new(2);
        let place = room.take().unwrap();
        assert!(!room.is_short_of_disk());
        room.hold_to_disk(1);
        assert!(room.is_short_of_disk() && room.take().is_none() && !room.is_free());
        room.hold_to_disk(0);
        assert!(room.is_short_of_disk() && room.free() == 0);
        room.hold_to_disk(9);
        room.freed().await;
        let other = room.take().unwrap();
        assert!(room.take().is_none() && !room.is_short_of_disk(), "now memory is the bound");
        drop((place, other));
    }
}
