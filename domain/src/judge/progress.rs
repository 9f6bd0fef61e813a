//! BuildKit's progress, as `docker build --progress=plain` prints it: which steps there were, which were cached, which
//! one failed and what it had printed.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::dockerfile::{Base, Instruction, InstructionKind, LineSpan, StageGraph};

/// Lines of output kept for each step, and of the whole.
const KEPT_LINES: usize = 200;

/// A line is cut at this many characters: a progress bar can fill megabytes.
const KEPT_CHARS: usize = 1000;

/// What a build reported.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BuildReport {
    /// The steps in the order of their first mention.
    pub steps: Vec<BuildStep>,
    /// The line of the Dockerfile that BuildKit names as the fault.
    pub error_line: Option<u32>,
    /// The error that ended the build.
    pub error: Option<String>,
    /// Size of the context that was sent, as far as BuildKit tells.
    pub context_bytes: Option<u64>,
    /// The last lines outside of any step.
    pub tail: Vec<String>,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BuildStep {
    /// The stage, when the file has more than one or names it: `builder`, `stage-1`.
    pub stage: Option<String>,
    /// Its number within the stage, counted from 1; absent for BuildKit's own steps.
    pub number: Option<u32>,
    /// What it does, such as `RUN pip install flask`.
    pub text: String,
    /// It was taken from the cache.
    pub cached: bool,
    /// It is over.
    pub done: bool,
    /// It was stopped, because another step failed or the whole build was cut off.
    #[serde(default)]
    pub canceled: bool,
    /// How long it took; absent when cached or cut off.
    pub seconds: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
    /// The last lines of its output.
    pub log: VecDeque<String>,
}

impl BuildReport {
    /// Reads a whole output.
    ///
    /// ```
    /// use containrlab_domain::judge::progress::BuildReport;
    ///
    /// let report = BuildReport::read("#5 [2/3] RUN make\n#5 CACHED\n\n#6 [3/3] COPY . .\n#6 DONE 0.1s\n");
    /// assert!(report.steps[0].cached);
    /// assert_eq!(report.steps[1].number, Some(3));
    /// ```
    pub fn read(output: &str) -> Self {
        let mut reader = ProgressReader::default();
        for line in output.lines() {
            reader.push_line(line);
        }
        reader.finish()
    }

    /// The step that failed.
    pub fn failed_step(&self) -> Option<&BuildStep> {
        // What is canceled because another step failed says so; it is not the one.
        let failed =
            |step: &&BuildStep| step.error.as_deref().is_some_and(|e| !e.contains("context canceled"));
        self.steps.iter().find(|s| failed(s) && s.number.is_some()).or_else(|| self.steps.iter().find(failed))
    }

    /// The step that was under way when the output ended.
    pub fn running_step(&self) -> Option<&BuildStep> {
        self.steps
            .iter()
            .rev()
            .find(|step| (!step.done || step.canceled) && !step.cached && step.number.is_some())
    }

    /// How many of the Dockerfile's own steps were cached.
    pub fn cached_steps(&self) -> usize {
        self.steps.iter().filter(|step| step.number.is_some() && step.cached).count()
    }

    /// The last lines that explain a failure, at most so many.
    pub fn failure_log(&self, lines: usize) -> String {
        let step = self.failed_step().or_else(|| self.running_step());
        let mut log: Vec<&str> = step.map(|s| s.log.iter().map(String::as_str).collect()).unwrap_or_default();
        match (step.and_then(|s| s.error.as_deref()), self.error.as_deref()) {
            (Some(error), _) | (None, Some(error)) => log.push(error),
            (None, None) if log.is_empty() => log.extend(self.tail.iter().map(String::as_str)),
            (None, None) => {}
        }
        log[log.len().saturating_sub(lines)..].join("\n")
    }

    /// All text that may say why it failed, for matching.
    pub fn text_of_failure(&self) -> String {
        let mut text = self.failure_log(KEPT_LINES);
        text.push('\n');
        text.push_str(self.error.as_deref().unwrap_or_default());
        text
    }
}

impl BuildStep {
    /// The lines of the instruction that this step carries out.
    pub fn locate(&self, graph: &StageGraph<'_>) -> Option<LineSpan> {
        let number = self.number? as usize;
        let stage = match &self.stage {
            None => graph.stages.first()?,
            Some(name) => graph
                .stages
                .iter()
                .rev()
                .find(|stage| stage.name.as_deref() == Some(name.to_ascii_lowercase().as_str()))
                .or_else(|| graph.stages.get(name.strip_prefix("stage-")?.parse::<usize>().ok()?))?,
        };
        let keyword = self.text.split_whitespace().next()?.to_ascii_uppercase();
        if keyword == "FROM" {
            return Some(stage.span);
        }
        // FROM counts as the first step, unless the base is another stage or nothing.
        let before = usize::from(matches!(stage.base, Base::Image(_)));
        let counted: Vec<&Instruction> = stage
            .steps
            .iter()
            .map(|step| step.instruction)
            .filter(|i| {
                use InstructionKind::{Add, Copy, Run, Workdir};
                matches!(i.kind, Run(_) | Copy(_) | Add(_) | Workdir(_))
            })
            .collect();
        // An ONBUILD of the base shifts the numbers, so the words decide before the number does.
        let said = words(&self.text);
        let mut same = counted.iter().filter(|i| said == spelled(i));
        match (same.next(), same.next()) {
            (Some(only), None) => Some(only.span),
            _ => {
                counted.get(number.checked_sub(before + 1)?).filter(|i| i.keyword == keyword).map(|i| i.span)
            }
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn spelled(instruction: &Instruction) -> Vec<String> {
    let mut text = instruction.keyword.clone();
    for flag in &instruction.flags {
        text.push_str(" --");
        text.push_str(&flag.name);
        if let Some(value) = &flag.value {
            text.push('=');
            text.push_str(value);
        }
    }
    text.push(' ');
    text.push_str(&instruction.text);
    words(&text)
}

/// Reads progress line by line while a build runs.
#[derive(Debug, Default)]
pub struct ProgressReader {
    report: BuildReport,
    /// BuildKit's number of a step to its place in the report.
    places: BTreeMap<u32, usize>,
    /// Within the repetition that BuildKit prints after a failure.
    in_epilogue: bool,
}

impl ProgressReader {
    /// Takes the next line, without its end.
    pub fn push_line(&mut self, line: &str) {
        let line: String = line.trim_end_matches('\r').chars().take(KEPT_CHARS).collect();
        let numbered = line.strip_prefix('#').and_then(|rest| {
            let (number, rest) = rest.split_once(' ')?;
            Some((number.parse::<u32>().ok()?, rest.to_owned()))
        });
        match numbered {
            Some((number, rest)) if !self.in_epilogue => self.push_step(number, &rest),
            _ => self.push_other(line),
        }
    }

    /// The report so far.
    pub fn report(&self) -> &BuildReport {
        &self.report
    }

    /// Ends the reading.
    pub fn finish(self) -> BuildReport {
        self.report
    }

    fn push_step(&mut self, number: u32, rest: &str) {
        let Some(&place) = self.places.get(&number) else {
            // #0 tells about the builder, not about a step.
            if number > 0 {
                self.places.insert(number, self.report.steps.len());
                self.report.steps.push(heading(rest));
            }
            return;
        };
        let step = &mut self.report.steps[place];
        if rest == "CACHED" {
            step.cached = true;
            step.done = true;
        } else if let Some(time) = rest.strip_prefix("DONE ") {
            step.done = true;
            step.seconds = time.trim_end_matches('s').parse().ok();
        } else if rest == "CANCELED" {
            step.done = true;
            step.canceled = true;
        } else if let Some(error) = rest.strip_prefix("ERROR: ").or_else(|| rest.strip_prefix("ERROR ")) {
            step.done = true;
            step.error = Some(error.to_owned());
        } else if rest == "..." || heading(rest).text == step.text {
            // The step is named again after another one had a word.
        } else {
            if let Some(size) = rest.strip_prefix("transferring context: ") {
                self.report.context_bytes = size.split_whitespace().next().and_then(bytes);
            }
            // Output starts with the seconds since the step's start.
            let text = match rest.split_once(' ') {
                Some((time, text)) if time.parse::<f64>().is_ok() => text,
                None if rest.parse::<f64>().is_ok() => "",
                _ => rest,
            };
            push_kept(&mut step.log, text.to_owned());
        }
    }

    fn push_other(&mut self, line: String) {
        if line == "------" {
            self.in_epilogue = true;
        }
        let place = line.rsplit_once(':').and_then(|(file, number)| {
            let named = !file.contains(' ')
                && file.rsplit('/').next().is_some_and(|f| f.eq_ignore_ascii_case("Dockerfile"));
            named.then(|| number.trim().parse().ok()).flatten()
        });
        if place.is_some() {
            self.report.error_line = place;
        }
        if let Some(error) = line.strip_prefix("ERROR: ").or_else(|| line.strip_prefix("error: ")) {
            self.report.error = Some(error.to_owned());
            let number = error
                .split_once("on line ")
                .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
            self.report.error_line = self.report.error_line.or_else(|| number?.parse().ok());
        }
        if !line.is_empty() && !self.in_epilogue {
            if self.report.tail.len() >= KEPT_LINES {
                self.report.tail.remove(0);
            }
            self.report.tail.push(line);
        }
    }
}

/// Reads `[builder 2/5] RUN make`, `[ 2/10] RUN make`, `[linux/amd64 stage-1 2/5] …` or `[internal] load …`.
fn heading(text: &str) -> BuildStep {
    let plain = || BuildStep { text: text.to_owned(), ..BuildStep::default() };
    let Some((inner, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) else { return plain() };
    let mut words: Vec<&str> = inner.split_whitespace().collect();
    let Some((number, _)) = words.pop().and_then(|w| w.split_once('/')) else { return plain() };
    let Ok(number) = number.parse() else { return plain() };
    BuildStep {
        stage: words.pop().filter(|word| !word.contains('/')).map(str::to_owned),
        number: Some(number),
        text: rest.trim().to_owned(),
        ..BuildStep::default()
    }
}

fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * factor) as u64)
}

fn push_kept(log: &mut VecDeque<String>, line: String) {
    if log.len() >= KEPT_LINES {
        log.pop_front();
    }
    log.push_back(line);
}

#[cfg(test)]
mod tests;
