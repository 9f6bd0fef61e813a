//! What comes line by line from processes of the learner's, who may send a line without end.

use std::io::{BufRead, BufReader, Read};

/// Calls `heard` with each line until there are no more. A line that is longer than `longest` bytes comes in pieces.
pub(super) fn each(from: impl Read, longest: u64, mut heard: impl FnMut(&[u8])) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.by_ref().take(longest).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => heard(&line),
        }
    }
}
