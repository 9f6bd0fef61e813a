//! What the engine's starter, inside the engine's namespaces, tells the agent: a line of JSON for each piece of news.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};

use super::{door, lines};

/// Longest line, in bytes.
const LONGEST: u64 = 1000;

/// A piece of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum News {
    /// So many layers of the image store are known and missing.
    MissingLayers(u32),
}

/// A pipe for news; what is written to goes to the starter.
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((read, door::above(write)?))
}

/// Tells.
pub(super) fn tell(pipe: &mut impl Write, news: News) -> io::Result<()> {
    let mut line = serde_json::to_vec(&news)?;
    line.push(b'\n');
    pipe.write_all(&line)
}

/// Hears all, until nobody is left who could tell more. Lines that nobody here understands are passed over: who tells is the learner's.
pub(super) fn hear(pipe: impl Read, mut heard: impl FnMut(News)) {
    lines::each(pipe, LONGEST, |line| {
        if let Ok(news) = serde_json::from_slice(line) {
            heard(news);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_and_nonsense_is_not() {
        let mut pipe = Vec::new();
        tell(&mut pipe, News::MissingLayers(2)).unwrap();
        pipe.extend([b'x'; 5000]);
        pipe.push(b'\n');
        tell(&mut pipe, News::MissingLayers(0)).unwrap();
        let mut heard = Vec::new();
        hear(&pipe[..], |news| heard.push(news));
        assert_eq!(heard, [News::MissingLayers(2), News::MissingLayers(0)]);
    }
}
