//! Logs as lines.

use containrlab_domain::job::JobKind;
use containrlab_domain::session::Work;
use containrlab_store::JobRow;
use containrlab_web_templates::{LogLine, LogStream};

use crate::narrate;

/// Bytes after which a line is shown although its end has not come.
const LINE_LIMIT: usize = 16 * 1024;

/// Lines cut from a part of a log, and where to go on.
#[derive(Debug)]
pub(crate) struct LogLines {
    /// The lines.
    pub(crate) lines: Vec<LogLine>,
    /// The position after the last of them: the beginning of a line, unless the log is complete.
    pub(crate) next: u64,
}

impl LogLines {
    /// Cuts bytes that stand at `from` into lines. A last line without an end is left for later, unless `complete`.
    pub(crate) fn cut(bytes: &[u8], from: u64, complete: bool) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let rest = &bytes[start..];
            let length = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None if rest.len() >= LINE_LIMIT => LINE_LIMIT,
                None if complete => rest.len(),
                None => break,
            };
            lines.push(LogLine {
                position: from + start as u64,
                stream: LogStream::Out,
                text: String::from_utf8_lossy(rest[..length].strip_suffix(b"\n").unwrap_or(&rest[..length]))
                    .into_owned(),
            });
            start += length;
        }
        Self { lines, next: from + start as u64 }
    }
}

/// What stands above a job's log.
pub(crate) fn heading(job: &JobRow) -> String {
    match (&job.work, job.kind) {
        (Some(Work::Build { tag }), _) => format!("Build: {tag}"),
        (Some(Work::Run { image, .. }), _) => format!("Run: {image}"),
        (Some(Work::Exec { argv, .. }), _) => {
            format!("Command: {}", argv.join(" ").chars().take(80).collect::<String>())
        }
        (None, JobKind::Judge) => "Judging".to_owned(),
        (None, kind) => kind.as_str().to_owned(),
    }
}

/// The line that closes a job's log. No line of output begins at the log's length, so its position is its own.
pub(crate) fn system_line(job: &JobRow, length: u64) -> LogLine {
    let text = match (&job.outcome, job.kind) {
        (Some(outcome), _) => narrate::outcome_sentence(outcome),
        (None, JobKind::Judge) => "Judged.".to_owned(),
        (None, _) => "Over.".to_owned(),
    };
    LogLine { position: length, stream: LogStream::System, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &LogLines) -> Vec<(u64, &str)> {
        lines.lines.iter().map(|line| (line.position, line.text.as_str())).collect()
    }

    #[test]
    fn a_line_is_shown_when_it_has_its_end() {
        let cut = LogLines::cut(b"one\ntwo\nthr", 100, false);
        assert_eq!(texts(&cut), [(100, "one"), (104, "two")]);
        assert_eq!(cut.next, 108);
        let cut = LogLines::cut(b"three", 108, true);
        assert_eq!(texts(&cut), [(108, "three")]);
        assert_eq!(cut.next, 113);
        let endless = vec![b'x'; LINE_LIMIT + 5];
        assert_eq!(LogLines::cut(&endless, 0, false).next, LINE_LIMIT as u64);
    }
}
