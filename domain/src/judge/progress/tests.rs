//! Samples of real builds: Docker 26.1 with buildx 0.13 as in the sandbox, and one of Docker 20.10.

use super::*;
use crate::dockerfile::Dockerfile;

macro_rules! sample {
    ($name:literal) => {
        BuildReport::read(include_str!(concat!("samples/", $name, ".txt")))
    };
}

fn lines_of(report: &BuildReport, dockerfile: &str) -> Vec<(u32, bool)> {
    let file = Dockerfile::parse(dockerfile.as_bytes());
    let graph = StageGraph::new(&file);
    let mut lines: Vec<(u32, bool)> =
        report.steps.iter().filter_map(|step| Some((step.locate(&graph)?.first, step.cached))).collect();
    lines.sort_unstable();
    lines
}

const STAGES: &str = "FROM python:3.13-slim AS builder
RUN <<EOF
set -e
echo one
mkdir -p /w; echo hi > /w/x
EOF
FROM python:3.13-slim AS other
RUN sleep 1; echo slow

FROM python:3.13-slim
WORKDIR /srv
COPY --from=builder /w /w
COPY --from=1 /etc/hostname /h
COPY . .
RUN cat /w/x
";

#[test]
fn every_step_finds_its_line_and_whether_it_was_cached() {
    let first = lines_of(&sample!("stages"), STAGES);
    // The base that all stages share is one step, under the name of whichever stage came first.
    let own: Vec<u32> =
        first.iter().map(|(line, _)| *line).filter(|line| ![1, 7, 10].contains(line)).collect();
    assert_eq!(own, [2, 8, 11, 12, 13, 14, 15]);
    let second = lines_of(&sample!("stages-rebuilt"), STAGES);
    let cached: Vec<u32> = second.iter().filter(|(_, cached)| *cached).map(|(line, _)| *line).collect();
    assert_eq!(cached, [2, 8, 11, 12, 13], "only the source's copy and what follows it ran");
    let report = sample!("stages-rebuilt");
    assert_eq!(report.cached_steps(), 5);
    assert_eq!(report.error, None);
}

#[test]
fn a_failed_run_is_told_with_its_output_and_line() {
    let report = sample!("run-fails");
    let step = report.failed_step().expect("a step failed");
    assert!(step.text.starts_with("RUN echo hello"));
    assert_eq!((step.number, report.error_line), (Some(4), Some(4)));
    let log = report.failure_log(10);
    assert!(log.starts_with("hello\nto stderr\n"), "{log}");
    assert!(log.ends_with("exit code: 3"), "{log}");
    assert_eq!(report.failure_log(1).lines().count(), 1);
}

#[test]
fn the_step_that_failed_is_not_the_one_that_was_stopped_for_it() {
    let report = sample!("sibling-fails");
    assert_eq!(report.failed_step().map(|step| step.text.as_str()), Some("RUN echo b; exit 4"));
    assert_eq!(report.error_line, Some(4));
    assert!(report.steps.iter().any(|step| step.canceled && step.text.starts_with("RUN sleep 3")));
}

#[test]
fn a_build_that_was_cut_off_says_where_it_was() {
    let report = sample!("cut-off");
    let step = report.running_step().expect("one was under way");
    assert_eq!(step.log, ["tick 1", "tick 2"]);
}

#[test]
fn a_missing_file_and_a_missing_image_are_told() {
    let report = sample!("copy-fails");
    assert_eq!(
        (report.failed_step().map(|s| s.text.as_str()), report.error_line),
        (Some("COPY nothere.txt ."), Some(2))
    );
    let report = sample!("image-missing");
    assert_eq!(report.failed_step().and_then(|s| s.number), None);
    assert!(report.text_of_failure().contains("no such host"));
    let report = sample!("parse-fails");
    assert_eq!((report.failed_step(), report.error_line), (None, Some(2)));
    assert!(report.error.is_some_and(|e| e.contains("did you mean RUN?")));
}

#[test]
fn an_older_engine_is_read_too() {
    let report = sample!("older-engine");
    let numbers: Vec<u32> = report.steps.iter().filter_map(|step| step.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(report.context_bytes, Some(391));
    let install = &report.steps.iter().find(|step| step.number == Some(4)).expect("there");
    assert!((install.seconds.unwrap_or_default() - 3.9).abs() < 1e-9);
    assert!(install.log.iter().any(|line| line.starts_with("Successfully installed")), "{:?}", install.log);
}

#[test]
fn endless_output_is_kept_within_bounds() {
    let mut reader = ProgressReader::default();
    reader.push_line("#5 [2/2] RUN yes");
    let line = format!("#5 1.0 {}", "y".repeat(100_000));
    for _ in 0..10_000 {
        reader.push_line(&line);
    }
    let step = &reader.report().steps[0];
    assert!(step.log.len() <= 200 && step.log.iter().all(|line| line.len() <= 1000));
}

#[test]
fn a_base_with_triggers_shifts_numbers_but_not_words() {
    let file = Dockerfile::parse(b"FROM onbuild-image\nRUN one\nRUN two\n");
    let graph = StageGraph::new(&file);
    let report = BuildReport::read("#7 [4/4] RUN two\n#7 DONE 0.1s\n");
    assert_eq!(report.steps[0].locate(&graph).map(|span| span.first), Some(3));
}
