//! Room for sandboxes of learners: how many places there are, and who has one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The places of a runner.
#[derive(Clone)]
pub(crate) struct Room {
    inner: Arc<Inner>,
}

struct Inner {
    capacity: usize,
    taken: AtomicUsize,
    freed: Notify,
}

/// A place for one sandbox; free again when dropped.
pub(crate) struct Place {
    inner: Arc<Inner>,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { inner: Arc::new(Inner { capacity, taken: AtomicUsize::new(0), freed: Notify::new() }) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.inner.capacity
    }

    /// A place, if there is one.
    pub(crate) fn take(&self) -> Option<Place> {
        let below = |taken: usize| (taken < self.inner.capacity).then_some(taken + 1);
        self.inner.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).ok()?;
        Some(Place { inner: Arc::clone(&self.inner) })
    }

    /// Places that nobody has.
    pub(crate) fn free(&self) -> usize {
        self.inner.capacity.saturating_sub(self.inner.taken.load(Ordering::Acquire))
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
}
