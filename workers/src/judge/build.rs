//! Builds of the workspace.

use std::time::Duration;

use bytes::Bytes;
use containrlab_agent::message::FileChange;
use containrlab_domain::judge::BuildObserved;
use containrlab_domain::judge::progress::ProgressReader;
use containrlab_domain::lab::LabFiles;

use super::bounds;
use super::journal::Journal;
use crate::jobs::request;
use crate::sandbox::{AgentClient, AgentError};

/// The tag of the attempt's image.
pub(super) const IMAGE: &str = "attempt";

/// The tag of a second build with the first one's cache.
const IMAGE_AGAIN: &str = "attempt-again";

/// The tag of a second build without cache.
pub(super) const IMAGE_ANEW: &str = "attempt-anew";

/// Builds the workspace.
pub(super) async fn build(
    agent: &AgentClient,
    journal: &Journal<'_>,
    timeout_seconds: u32,
) -> Result<BuildObserved, AgentError> {
    build_as(agent, journal, IMAGE, &[], timeout_seconds).await
}

/// Builds it once more without cache.
pub(super) async fn build_anew(
    agent: &AgentClient,
    journal: &Journal<'_>,
    timeout_seconds: u32,
) -> Result<BuildObserved, AgentError> {
    build_as(agent, journal, IMAGE_ANEW, &["--no-cache"], timeout_seconds).await
}

/// Builds it once more with an empty line more at the end of some files, and puts these back.
pub(super) async fn rebuild(
    agent: &AgentClient,
    journal: &Journal<'_>,
    files: &LabFiles,
    touch: &[String],
    timeout_seconds: u32,
) -> Result<BuildObserved, AgentError> {
    let touched: Vec<(&str, &[u8])> =
        touch.iter().filter_map(|path| Some((path.as_str(), files.get(path)?.as_slice()))).collect();
    if touched.is_empty() {
        journal.say("Building the same files again.").await;
        return build_as(agent, journal, IMAGE_AGAIN, &[], timeout_seconds).await;
    }
    journal.say(&format!("Changing {} and building again.", touch.join(", "))).await;
    write(agent, touched.iter().map(|(path, content)| (*path, [content, &b"\n"[..]].concat()))).await?;
    let built = build_as(agent, journal, IMAGE_AGAIN, &[], timeout_seconds).await?;
    write(agent, touched.iter().map(|(path, content)| (*path, content.to_vec()))).await?;
    Ok(built)
}

async fn build_as(
    agent: &AgentClient,
    journal: &Journal<'_>,
    tag: &str,
    options: &[&str],
    timeout_seconds: u32,
) -> Result<BuildObserved, AgentError> {
    let bounds = bounds::of_build();
    let argv = [&["docker", "build", "--progress=plain", &bounds, "-t", tag], options, &["."]].concat();
    journal.say(&format!("$ {}", argv.join(" "))).await;
    run_build(agent, journal, &argv, timeout_seconds).await
}

/// Runs a command that prints BuildKit's progress.
pub(super) async fn run_build(
    agent: &AgentClient,
    journal: &Journal<'_>,
    argv: &[&str],
    timeout_seconds: u32,
) -> Result<BuildObserved, AgentError> {
    let limit = Duration::from_secs(timeout_seconds.into());
    let mut lines = Lines::default();
    let exit = journal.run(agent, request(argv, limit), &mut |bytes| lines.add(bytes)).await?;
    let exit_code = exit.exit.code.filter(|_| !exit.timed_out).map(i64::from);
    Ok(BuildObserved { exit_code, timed_out: exit.timed_out, report: lines.finish() })
}

async fn write<'f>(
    agent: &AgentClient,
    files: impl Iterator<Item = (&'f str, Vec<u8>)>,
) -> Result<(), AgentError> {
    let mut changes = Vec::new();
    let mut contents = Vec::new();
    for (path, content) in files {
        changes.push(FileChange::Write {
            path: path.to_owned(),
            size: content.len() as u64,
            executable: None,
        });
        contents.extend(content);
    }
    agent.files_apply(changes, Bytes::from(contents)).await
}

/// Puts the chunks of a build's output together to lines for the reader of its progress.
#[derive(Default)]
struct Lines {
    reader: ProgressReader,
    rest: Vec<u8>,
}

/// A line that is longer is cut: somebody prints without end.
const LONGEST_LINE: usize = 64 * 1024;

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.rest.len());
            self.rest.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.rest);
        self.reader.push_line(line.trim_end_matches('\n'));
        self.rest.clear();
    }

    fn finish(mut self) -> containrlab_domain::judge::progress::BuildReport {
        if !self.rest.is_empty() {
            self.end_line();
        }
        self.reader.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_does_not_depend_on_where_the_output_was_cut() {
        let output = b"#5 [2/3] RUN make\n#5 CACHED\n\n#6 [3/3] COPY . .\n#6 DONE 0.1s";
        let mut whole = Lines::default();
        whole.add(output);
        let whole = whole.finish();
        let mut bytewise = Lines::default();
        for byte in output {
            bytewise.add(&[*byte]);
        }
        assert_eq!(bytewise.finish(), whole);
        assert!(whole.steps[0].cached && whole.steps[1].done);
    }
}
