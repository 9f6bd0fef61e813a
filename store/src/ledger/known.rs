//! Aggregates as they were last read, so that a command reads what is new in its stream and not all of it again: a session that
//! asks for its five-hundredth job would otherwise go through fifteen hundred events each time.
//!
//! What is kept here follows from events alone, and those never change; so it can be forgotten at any time, and it is only
//! used when the stream still has the very event that it was read up to.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::Recorded;

/// Streams that are remembered: more than are used at once; the largest state is a workspace's list of files.
const MOST: usize = 512;

/// What was read of a stream.
pub(super) struct Read<A> {
    pub(super) aggregate: A,
    /// Sequence of the last event.
    pub(super) version: u64,
    /// Position of the last event: another database, or one that was set back, has another one there.
    pub(super) position: i64,
}

type Key = (&'static str, Uuid);

/// The remembered streams of this process.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<Streams>>);

#[derive(Default)]
struct Streams {
    by_key: HashMap<Key, Remembered>,
    /// Counts how often anything was asked for.
    time: u64,
}

struct Remembered {
    read: Arc<dyn Any + Send + Sync>,
    /// When it was last asked for.
    used: u64,
}

impl Known {
    pub(super) fn get<A: Recorded>(&self, id: Uuid) -> Option<Arc<Read<A>>> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.time += 1;
        let now = streams.time;
        let remembered = streams.by_key.get_mut(&(A::TYPE, id))?;
        remembered.used = now;
        Arc::clone(&remembered.read).downcast().ok()
    }

    pub(super) fn remember<A: Recorded>(&self, id: Uuid, read: Read<A>) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.time += 1;
        let used = streams.time;
        streams.by_key.insert((A::TYPE, id), Remembered { read: Arc::new(read), used });
        if streams.by_key.len() > MOST {
            let oldest = streams.by_key.iter().min_by_key(|(_, stream)| stream.used).map(|(key, _)| *key);
            oldest.and_then(|key| streams.by_key.remove(&key));
        }
    }

    pub(super) fn forget<A: Recorded>(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_key.remove(&(A::TYPE, id));
    }
}
