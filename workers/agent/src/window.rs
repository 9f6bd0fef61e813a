//! Credit for what is sent to a reader: see "Flow control" in the library's documentation.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes under way of one command's output.
#[derive(Debug, Default)]
pub(crate) struct Window {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sent: u64,
    acknowledged: u64,
    closed: bool,
}

impl Window {
    /// Waits for room and takes up to `want` bytes of it; none once the reader is gone.
    pub(crate) fn take(&self, want: usize, window: u64) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.closed {
                return None;
            }
            let room = window.saturating_sub(state.sent.saturating_sub(state.acknowledged));
            if room > 0 {
                let taken = want.min(usize::try_from(room).unwrap_or(want));
                state.sent += taken as u64;
                return Some(taken);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives back what was taken and not sent.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).sent -= bytes as u64;
        self.changed.notify_all();
    }

    /// The reader has consumed this many bytes since the beginning. It can't have consumed more than was sent.
    pub(crate) fn acknowledge(&self, upto: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.acknowledged = state.acknowledged.max(upto.min(state.sent));
        drop(state);
        self.changed.notify_all();
    }

    /// The reader is gone: whoever waits for room goes on.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_not_under_way() {
        let window = Window::default();
        assert_eq!(window.take(8, 10), Some(8));
        assert_eq!(window.take(8, 10), Some(2));
        window.give_back(1);
        assert_eq!(window.take(8, 10), Some(1));
        window.acknowledge(1_000_000);
        assert_eq!(
            window.take(20, 10),
            Some(10),
            "an acknowledgement of more than was sent gives no more room"
        );
        window.close();
        assert_eq!(window.take(1, 10), None);
    }
}
