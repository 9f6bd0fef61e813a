//! A log as it grows, read as text.

use containrlab_domain::ids::RecordingId;
use containrlab_store::ChunkCode;

use crate::Error;
use crate::state::App;

/// Bytes that are read at once.
const PORTION: usize = 256 * 1024;

/// A part of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPart {
    /// The position of its first byte.
    pub(crate) from: u64,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether nothing more will come after them.
    pub(crate) complete: bool,
}

impl LogPart {
    /// The position after its last byte.
    pub(crate) fn next(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }

    /// Leaves a letter of which only the beginning is there for the next part, unless none will come.
    pub(crate) fn keep_whole_letters(&mut self) {
        if !self.complete {
            let whole = whole_letters(&self.bytes);
            self.bytes.truncate(whole);
        }
    }

    /// Its text and the position after it.
    pub(crate) fn into_text(mut self) -> (String, u64) {
        self.keep_whole_letters();
        let next = self.next();
        (String::from_utf8_lossy(&self.bytes).into_owned(), next)
    }
}

/// Length of the bytes without a letter at their end that is cut in two.
fn whole_letters(bytes: &[u8]) -> usize {
    // A letter has four bytes at most, so its first one is among the last three if it is cut.
    let tail = bytes.len().saturating_sub(3);
    for (index, byte) in bytes.iter().enumerate().skip(tail).rev() {
        let length = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => return bytes.len(),
        };
        return if index + length > bytes.len() { index } else { bytes.len() };
    }
    bytes.len()
}

/// Reads the next part of a log. `over` says whether whoever writes it is done.
pub(crate) async fn read(
    app: &App,
    log: Option<RecordingId>,
    from: u64,
    over: bool,
) -> Result<LogPart, Error> {
    let nothing = LogPart { from, bytes: Vec::new(), complete: over };
    let Some(id) = log else { return Ok(nothing) };
    let Some(recording) = app.store.recording(id).await? else { return Ok(nothing) };
    let mut part = nothing;
    if from < recording.length {
        fill(app, id, recording.length, &mut part).await?;
    }
    let reached = part.next() >= recording.length;
    part.complete = reached && (over || recording.closed_at.is_some());
    Ok(part)
}

/// Reads what follows at the part's position. Where bytes of the recording are lost, the part begins after the gap.
async fn fill(app: &App, id: RecordingId, length: u64, part: &mut LogPart) -> Result<(), Error> {
    let mut chunks = app.store.read_recording(id, part.from, PORTION).await?;
    chunks.retain(|chunk| chunk.code == ChunkCode::Output);
    if chunks.is_empty() {
        part.from = app.store.recording_goes_on(id, part.from).await?.unwrap_or(length);
        chunks = app.store.read_recording(id, part.from, PORTION).await?;
        chunks.retain(|chunk| chunk.code == ChunkCode::Output);
    }
    for chunk in chunks {
        if part.bytes.is_empty() {
            part.from = part.from.max(chunk.position);
        }
        if chunk.position > part.next() {
            break;
        }
        // The chunk that holds the position may begin before it.
        let skip = usize::try_from(part.next() - chunk.position).unwrap_or(usize::MAX);
        part.bytes.extend_from_slice(chunk.data.get(skip..).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], complete: bool) -> (String, u64) {
        LogPart { from: 10, bytes: bytes.to_vec(), complete }.into_text()
    }

    #[test]
    fn a_letter_is_never_cut_in_two() {
        assert_eq!(text(b"abc", false), ("abc".to_owned(), 13));
        assert_eq!(text("aé".as_bytes(), false), ("aé".to_owned(), 13));
        assert_eq!(text(&"aé".as_bytes()[..2], false), ("a".to_owned(), 11));
        assert_eq!(text(&"🐳".as_bytes()[..3], false), (String::new(), 10));
        assert_eq!(text("🐳".as_bytes(), false), ("🐳".to_owned(), 14));
        assert_eq!(text(&"aé".as_bytes()[..2], true), ("a\u{fffd}".to_owned(), 12));
        // What is no UTF-8 at all holds nothing up.
        assert_eq!(text(b"a\x80\x80\x80\x80", false).1, 15);
        assert_eq!(text(b"a\xff", false), ("a\u{fffd}".to_owned(), 12));
    }
}
