//! The steps of a plan, one after another.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use containrlab_agent::message::FileChange;
use containrlab_domain::judge::progress::ProgressReader;
use containrlab_domain::judge::{
    Action, BuildObserved, ImageObserved, Observation, Observed, Plan, PlanStep, RunObserved, StepId,
};
use containrlab_domain::lab::LabFiles;

use super::container::Container;
use super::engine::ask;
use super::http;
use crate::error::Error;
use crate::jobs::{LogWriter, request};
use crate::sandbox::{AgentClient, AgentError};

/// The tag of the attempt's image.
pub(super) const IMAGE: &str = "attempt";

/// The tag of the second build.
const IMAGE_AGAIN: &str = "attempt-again";

/// Bytes of the engine's answers that are read.
const ANSWER: usize = 1 << 20;

/// Does all steps of a plan and says what was seen.
///
/// # Errors
/// When the sandbox fails; nothing that was seen before counts then.
pub(super) async fn carry_out(
    agent: &AgentClient,
    log: &mut LogWriter,
    plan: &Plan,
    files: &LabFiles,
) -> Result<Vec<Observation>, Error> {
    let mut bench = Bench { agent, log, plan, files, containers: HashMap::new() };
    let mut observations: Vec<Observation> = Vec::new();
    for step in &plan.steps {
        let fine =
            |need: &StepId| observations.iter().any(|seen| seen.step == *need && seen.observed.lets_go_on());
        let started = Instant::now();
        let observed =
            if step.needs.iter().all(fine) { bench.carry_out(step).await? } else { Observed::NotDone };
        observations.push(Observation {
            step: step.id.clone(),
            seconds: started.elapsed().as_secs_f64(),
            observed,
        });
    }
    Ok(observations)
}

/// Where the steps are done.
struct Bench<'a> {
    agent: &'a AgentClient,
    log: &'a mut LogWriter,
    plan: &'a Plan,
    files: &'a LabFiles,
    containers: HashMap<StepId, Container>,
}

impl Bench<'_> {
    async fn carry_out(&mut self, step: &PlanStep) -> Result<Observed, AgentError> {
        Ok(match &step.action {
            Action::Build { timeout_seconds } => Observed::Build(self.build(IMAGE, *timeout_seconds).await?),
            Action::Rebuild { touch, timeout_seconds } => {
                Observed::Build(self.rebuild(touch, *timeout_seconds).await?)
            }
            Action::InspectImage => Observed::Image(self.inspect_image().await?),
            Action::Run { ports, env, memory_mib } => {
                self.log.line("$ docker run -d attempt").await;
                let log_kib = self.plan.limits.log_kib;
                let (container, seen) =
                    Container::start(self.agent, ports, env, *memory_mib, log_kib).await?;
                self.tell_run(&seen).await;
                self.containers.insert(step.id.clone(), container);
                Observed::Run(seen)
            }
            Action::Http { run, expect, within_seconds } => {
                let Some(container) = self.containers.get(run) else { return Ok(Observed::NotDone) };
                self.log.line(&format!("Asking GET {} on port {}.", expect.path, expect.port)).await;
                self.log.flush().await;
                let seen = http::watch(self.agent, container, expect, *within_seconds).await?;
                let said = match (&seen.response, &seen.error) {
                    (Some(response), _) => format!("status {}", response.status),
                    (None, error) => error.clone().unwrap_or_default(),
                };
                self.log.line(&format!("After {:.1} s: {said}", seen.after_seconds)).await;
                Observed::Http(seen)
            }
            Action::Health { run, within_seconds } => {
                let Some(container) = self.containers.get(run) else { return Ok(Observed::NotDone) };
                self.log.line("Watching the container's health.").await;
                self.log.flush().await;
                let seen = container.watch_health(self.agent, *within_seconds).await?;
                self.log.line(&format!("After {:.1} s: {}", seen.after_seconds, seen.status)).await;
                Observed::Health(seen)
            }
        })
    }

    async fn build(&mut self, tag: &str, timeout_seconds: u32) -> Result<BuildObserved, AgentError> {
        self.log.line(&format!("$ docker build --progress=plain -t {tag} .")).await;
        let argv = ["docker", "build", "--progress=plain", "-t", tag, "."];
        let limit = Duration::from_secs(timeout_seconds.into());
        let mut lines = Lines::default();
        let exit =
            self.log.run_and_hear(self.agent, request(&argv, limit), &mut |bytes| lines.add(bytes)).await?;
        let exit_code = exit.exit.code.filter(|_| !exit.timed_out).map(i64::from);
        Ok(BuildObserved { exit_code, timed_out: exit.timed_out, report: lines.finish() })
    }

    /// Builds with an empty line more at the end of some files, and puts these back.
    async fn rebuild(&mut self, touch: &[String], timeout_seconds: u32) -> Result<BuildObserved, AgentError> {
        let touched: Vec<(&str, &[u8])> =
            touch.iter().filter_map(|path| Some((path.as_str(), self.files.get(path)?.as_slice()))).collect();
        self.log.line(&format!("Changing {} and building again.", touch.join(", "))).await;
        self.write(touched.iter().map(|(path, content)| (*path, [content, &b"\n"[..]].concat()))).await?;
        let built = self.build(IMAGE_AGAIN, timeout_seconds).await?;
        self.write(touched.iter().map(|(path, content)| (*path, content.to_vec()))).await?;
        Ok(built)
    }

    async fn write<'f>(&self, files: impl Iterator<Item = (&'f str, Vec<u8>)>) -> Result<(), AgentError> {
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
        self.agent.files_apply(changes, Bytes::from(contents)).await
    }

    async fn inspect_image(&self) -> Result<ImageObserved, AgentError> {
        let argv = ["docker", "image", "inspect", "-f", "{{.Size}} {{len .RootFS.Layers}}", IMAGE];
        let said = ask(self.agent, &argv, ANSWER).await?;
        let unreadable =
            || AgentError::Protocol(format!("docker image inspect: {}{}", said.stdout, said.stderr));
        let (size, layers) = said.stdout.trim().split_once(' ').ok_or_else(unreadable)?;
        let format = "{{.Size}}\t{{.CreatedBy}}";
        let argv = ["docker", "history", "--no-trunc", "--human=false", "--format", format, IMAGE];
        let history = ask(self.agent, &argv, ANSWER).await?.stdout;
        Ok(ImageObserved {
            size_bytes: size.parse().map_err(|_| unreadable())?,
            layers: layers.parse().map_err(|_| unreadable())?,
            history: read_history(&history),
        })
    }

    async fn tell_run(&mut self, seen: &RunObserved) {
        self.log.line(seen.log.trim_end()).await;
        self.log.line(&format!("The container: {:?}", seen.state)).await;
    }
}

/// Docker lists the newest layer first.
fn read_history(text: &str) -> Vec<(u64, String)> {
    let line = |line: &str| {
        let (size, created_by) = line.split_once('\t')?;
        Some((size.trim().parse().ok()?, created_by.to_owned()))
    };
    let mut history: Vec<_> = text.lines().filter_map(line).collect();
    history.reverse();
    history
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

    #[test]
    fn a_history_is_read_lowest_layer_first() {
        let text = "0\tCMD [\"x\"]\n1024\tCOPY . .\n2000\t/bin/sh -c #(nop) ADD file\n";
        let history = read_history(text);
        assert_eq!(history[0], (2000, "/bin/sh -c #(nop) ADD file".to_owned()));
        assert_eq!(history.len(), 3);
    }
}
