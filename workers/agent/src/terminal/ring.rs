//! The newest bytes of an output, under their positions.

use std::collections::VecDeque;

/// Keeps at most so many of the newest bytes.
#[derive(Debug)]
pub(crate) struct Ring {
    kept: VecDeque<u8>,
    most: usize,
    end: u64,
}

impl Ring {
    /// An empty ring; it takes memory only as it fills.
    pub(crate) fn new(most: usize) -> Ring {
        Ring { kept: VecDeque::new(), most, end: 0 }
    }

    /// Position of the oldest byte that is kept.
    pub(crate) fn start(&self) -> u64 {
        self.end - self.kept.len() as u64
    }

    /// Position after the newest byte.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Adds bytes; the oldest make room.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(self.most)..];
        let surplus = (self.kept.len() + bytes.len()).saturating_sub(self.most);
        self.kept.drain(..surplus);
        self.kept.extend(bytes);
    }

    /// Up to `most` bytes from `position` on, which lies between start and end.
    pub(crate) fn read(&self, position: u64, most: usize) -> Vec<u8> {
        let skip =
            usize::try_from(position.saturating_sub(self.start())).unwrap_or(usize::MAX).min(self.kept.len());
        let until = skip.saturating_add(most).min(self.kept.len());
        let (front, back) = self.kept.as_slices();
        let mut bytes = Vec::with_capacity(until - skip);
        bytes.extend_from_slice(&front[skip.min(front.len())..until.min(front.len())]);
        bytes.extend_from_slice(
            &back[skip.saturating_sub(front.len())..until.saturating_sub(front.len()).min(back.len())],
        );
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_stay_true_while_old_bytes_go() {
        let mut ring = Ring::new(10);
        let all: Vec<u8> = (0..=255).collect();
        for chunk in all.chunks(7) {
            ring.push(chunk);
            assert!(ring.end() - ring.start() <= 10);
            for position in ring.start()..ring.end() {
                let from = position as usize;
                let expected = &all[from..(from + 4).min(ring.end() as usize)];
                assert_eq!(ring.read(position, 4), expected);
            }
        }
        assert_eq!((ring.start(), ring.end()), (246, 256));
        assert!(ring.read(256, 4).is_empty());
    }

    #[test]
    fn a_push_larger_than_the_ring_keeps_its_end() {
        let mut ring = Ring::new(3);
        ring.push(b"ab");
        ring.push(b"cdefgh");
        assert_eq!((ring.start(), ring.end()), (5, 8));
        assert_eq!(ring.read(5, 100), b"fgh");
    }
}
