//! The newest output of a terminal, in memory.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes that are kept although they are recorded: what a client that was away for a moment asks for.
const KEEP: usize = 1 << 20;

/// The newest output, with the position of every byte.
///
/// What is not recorded yet is never dropped from here, so that each byte is at any time here, in the recording, or
/// in both.
#[derive(Debug)]
pub(super) struct Output {
    chunks: VecDeque<(u64, Bytes)>,
    held: usize,
    end: u64,
    recorded: u64,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes from this position on; later than asked for when what lies between is lost.
    Bytes(u64, Bytes),
    /// Only the recording still has it.
    Recorded {
        /// Position from which on this has it.
        until: u64,
    },
    /// Not there yet.
    Nothing,
}

impl Output {
    /// Begins after what an earlier process of the runner recorded.
    pub(super) fn after(recorded: u64) -> Self {
        Self { chunks: VecDeque::new(), held: 0, end: recorded, recorded }
    }

    /// The position of the next byte.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that are not recorded yet.
    pub(super) fn unrecorded(&self) -> u64 {
        self.end - self.recorded
    }

    /// Adds output. What is here already is dropped; a jump ahead is taken as it is.
    pub(super) fn push(&mut self, position: u64, mut bytes: Bytes) {
        let seen = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        if seen >= bytes.len() {
            return;
        }
        let position = position + seen as u64;
        let bytes = bytes.split_off(seen);
        self.end = position + bytes.len() as u64;
        self.held += bytes.len();
        self.chunks.push_back((position, bytes));
        self.trim();
    }

    /// Notes that everything before this position is recorded.
    pub(super) fn note_recorded(&mut self, until: u64) {
        self.recorded = self.recorded.max(until);
        self.trim();
    }

    /// At most `max` bytes from this position on.
    pub(super) fn read(&self, from: u64, max: usize) -> Piece {
        if from >= self.end {
            return Piece::Nothing;
        }
        let start = self.chunks.front().map_or(self.end, |(position, _)| *position);
        if from < start {
            return Piece::Recorded { until: start };
        }
        let index = self.chunks.partition_point(|(position, bytes)| position + bytes.len() as u64 <= from);
        let Some((position, bytes)) = self.chunks.get(index) else { return Piece::Nothing };
        let skip = from.saturating_sub(*position) as usize;
        let bytes = bytes.slice(skip..bytes.len().min(skip + max));
        Piece::Bytes(position + skip as u64, bytes)
    }

    /// What is to be recorded next, at most about `max` bytes in one run without a jump.
    pub(super) fn to_record(&self, max: usize) -> Option<(u64, Vec<u8>)> {
        let Piece::Bytes(position, first) = self.read(self.recorded, max) else { return None };
        let mut run = first.to_vec();
        while run.len() < max {
            let next = position + run.len() as u64;
            match self.read(next, max - run.len()) {
                Piece::Bytes(at, bytes) if at == next => run.extend_from_slice(&bytes),
                _ => break,
            }
        }
        Some((position, run))
    }

    fn trim(&mut self) {
        while let Some((position, bytes)) = self.chunks.front() {
            if self.held <= KEEP || position + bytes.len() as u64 > self.recorded {
                break;
            }
            self.held -= bytes.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn nothing_comes_twice_and_nothing_is_missing() {
        let mut output = Output::after(10);
        output.push(10, bytes("abc"));
        output.push(10, bytes("abcde"));
        output.push(11, bytes("bcd"));
        assert_eq!(output.end(), 15);
        assert_eq!(output.read(10, 100), Piece::Bytes(10, bytes("abc")));
        assert_eq!(output.read(12, 100), Piece::Bytes(12, bytes("c")));
        assert_eq!(output.read(13, 1), Piece::Bytes(13, bytes("d")));
        assert_eq!(output.read(15, 100), Piece::Nothing);
        assert_eq!(output.read(3, 100), Piece::Recorded { until: 10 });
    }

    #[test]
    fn what_is_not_recorded_stays() {
        let mut output = Output::after(0);
        for n in 0..4 {
            output.push(n * KEEP as u64, Bytes::from(vec![b'x'; KEEP]));
        }
        assert_eq!(output.read(0, 1), Piece::Bytes(0, bytes("x")));
        output.note_recorded(2 * KEEP as u64);
        assert_eq!(output.read(0, 1), Piece::Recorded { until: 2 * KEEP as u64 });
        output.note_recorded(4 * KEEP as u64);
        assert_eq!(output.read(0, 1), Piece::Recorded { until: 3 * KEEP as u64 });
        assert_eq!(output.unrecorded(), 0);
        assert_eq!(output.to_record(100), None);
    }

    #[test]
    fn a_run_to_record_ends_where_output_is_lost() {
        let mut output = Output::after(0);
        output.push(0, bytes("ab"));
        output.push(2, bytes("cd"));
        output.push(100, bytes("later"));
        assert_eq!(output.to_record(100), Some((0, b"abcd".to_vec())));
        output.note_recorded(4);
        assert_eq!(output.to_record(3), Some((100, b"lat".to_vec())));
        assert_eq!(output.read(50, 100), Piece::Bytes(100, bytes("later")));
    }
}
