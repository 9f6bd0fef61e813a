//! Frames: a length-prefixed JSON header with an optional binary body.

use std::io::{self, Read, Write};
use std::time::Duration;

use serde::Serialize;

/// Largest header, in bytes. Only `files_apply` with thousands of paths comes near it.
pub const MAX_HEADER: usize = 1 << 20;
/// Largest body, in bytes; therefore also the largest file that can be read or written.
pub const MAX_BODY: usize = 8 << 20;
/// Most bytes of output in one frame: small enough that a keystroke's echo never waits long behind a build log.
pub const CHUNK: usize = 32 << 10;
/// Unacknowledged bytes that may be under way for one exec or one terminal reader.
pub const WINDOW: u64 = 256 << 10;
/// Unacknowledged `changed` frames of one watch.
pub const WATCH_WINDOW: u64 = 4;
/// How long a connection may stay silent before the agent takes the runner for dead.
pub const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of the prefix.
pub const PREFIX: usize = 8;

/// Why the stream can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// A header over [`MAX_HEADER`].
    #[error("a header of {0} bytes is over the limit of {MAX_HEADER}")]
    HeaderTooLarge(usize),
    /// A body over [`MAX_BODY`].
    #[error("a body of {0} bytes is over the limit of {MAX_BODY}")]
    BodyTooLarge(usize),
    /// The header could not be written as JSON or is not the JSON that was expected.
    #[error("a header that can't be understood: {0}")]
    Header(#[from] serde_json::Error),
}

/// Reads the two lengths of a prefix (header, body) and holds them against the limits.
pub fn lengths(prefix: [u8; PREFIX]) -> Result<(usize, usize), FrameError> {
    let [a, b, c, d, e, f, g, h] = prefix;
    let header = u32::from_be_bytes([a, b, c, d]) as usize;
    let body = u32::from_be_bytes([e, f, g, h]) as usize;
    check(header, body)?;
    Ok((header, body))
}

/// Prefix and header as bytes; the body of `body` bytes is to follow them.
pub fn head(header: &impl Serialize, body: usize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; PREFIX];
    serde_json::to_writer(&mut bytes, header)?;
    let length = bytes.len() - PREFIX;
    check(length, body)?;
    // Both are below 2^32 after the check.
    bytes[..4].copy_from_slice(&(length as u32).to_be_bytes());
    bytes[4..PREFIX].copy_from_slice(&(body as u32).to_be_bytes());
    Ok(bytes)
}

/// Writes one frame and flushes. Blocking.
pub fn write(to: &mut impl Write, header: &impl Serialize, body: &[u8]) -> Result<(), FrameError> {
    let mut bytes = head(header, body.len())?;
    // One write for the usual small frame; a large body isn't copied.
    if body.len() <= CHUNK {
        bytes.extend_from_slice(body);
        to.write_all(&bytes)?;
    } else {
        to.write_all(&bytes)?;
        to.write_all(body)?;
    }
    to.flush()?;
    Ok(())
}

/// Header and body of a frame, as they were sent.
pub type Raw = (Vec<u8>, Vec<u8>);

/// Reads one frame; `None` when the stream ended between two frames. Blocking.
pub fn read(from: &mut impl Read) -> Result<Option<Raw>, FrameError> {
    let mut prefix = [0; PREFIX];
    let mut have = 0;
    while have < PREFIX {
        match from.read(&mut prefix[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => have += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (header, body) = lengths(prefix)?;
    Ok(Some((exactly(from, header)?, exactly(from, body)?)))
}

/// Reads `length` bytes; memory grows with what really arrives, not with what was announced.
fn exactly(from: &mut impl Read, length: usize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::with_capacity(length.min(CHUNK));
    let got = from.take(length as u64).read_to_end(&mut bytes)?;
    if got < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(bytes)
}

fn check(header: usize, body: usize) -> Result<(), FrameError> {
    if header > MAX_HEADER {
        return Err(FrameError::HeaderTooLarge(header));
    }
    if body > MAX_BODY {
        return Err(FrameError::BodyTooLarge(body));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was_written() {
        let mut bytes = Vec::new();
        write(&mut bytes, &"head", &[0, 255, 10]).unwrap();
        write(&mut bytes, &"next", &vec![7; CHUNK + 1]).unwrap();
        let mut stream = bytes.as_slice();
        let (header, body) = read(&mut stream).unwrap().unwrap();
        assert_eq!((header.as_slice(), body.as_slice()), (&b"\"head\""[..], &[0, 255, 10][..]));
        let (_, body) = read(&mut stream).unwrap().unwrap();
        assert_eq!(body.len(), CHUNK + 1);
        assert!(read(&mut stream).unwrap().is_none());
    }

    #[test]
    fn a_stream_that_ends_within_a_frame_is_an_error() {
        let mut bytes = Vec::new();
        write(&mut bytes, &"head", b"body").unwrap();
        for cut in 1..bytes.len() {
            assert!(matches!(read(&mut &bytes[..cut]), Err(FrameError::Io(_))), "cut at {cut}");
        }
    }

    #[test]
    fn announced_lengths_over_the_limits_are_refused_before_anything_is_read() {
        let mut prefix = [0; PREFIX];
        prefix[..4].copy_from_slice(&(MAX_HEADER as u32 + 1).to_be_bytes());
        assert!(matches!(lengths(prefix), Err(FrameError::HeaderTooLarge(_))));
        prefix[..4].copy_from_slice(&2u32.to_be_bytes());
        prefix[4..].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(lengths(prefix), Err(FrameError::BodyTooLarge(_))));
        assert!(matches!(head(&"x", MAX_BODY + 1), Err(FrameError::BodyTooLarge(_))));
    }
}
