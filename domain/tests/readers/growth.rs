//! A file of four times the lines takes about four times as long, not sixteen times.

use std::time::Duration;

use containrlab_domain::context::DockerIgnore;
use containrlab_domain::dockerfile::shell::commands_of;
use containrlab_domain::dockerfile::{Dockerfile, Effects, Layout, StageGraph};
use rustix::time::{ClockId, clock_gettime};

/// Time of this thread on a processor: other tests beside this one do not count.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// The least of three tries.
fn cost(work: impl Fn()) -> Duration {
    let tries = (0..3).map(|_| {
        let started = processor_time();
        work();
        processor_time() - started
    });
    tries.min().unwrap_or_default()
}

fn grows_with_its_length(name: &str, text: impl Fn(usize) -> String, read: impl Fn(&str)) {
    let (short, long) = (text(500), text(2_000));
    let (short, long) = (cost(|| read(&short)), cost(|| read(&long)));
    // Twice what the length accounts for, and a little for what is too quick to measure.
    assert!(
        long < short * 8 + Duration::from_millis(20),
        "{name}: {short:?}, then {long:?} for four times as much"
    );
}

fn read_dockerfile(text: &str) {
    let file = Dockerfile::parse(text.as_bytes());
    let graph = StageGraph::new(&file);
    Layout::new(&graph, &["app/main.py".to_owned(), "a".to_owned()]);
    for stage in &graph.stages {
        Effects::of(&graph, stage.index);
        for step in &stage.steps {
            commands_of(&graph, stage.index, step.index);
        }
    }
}

#[test]
fn dockerfiles_take_time_by_their_length() {
    for (name, piece) in [
        ("steps", "RUN a && b $A\n"),
        ("comments", "# a comment\n"),
        ("one long step", "RUN a \\\n  # b\n && \\\n"),
        ("variables", "ENV A=$A$A\nRUN $A\n"),
        ("copies", "COPY a b\nWORKDIR c\n"),
        ("here-documents", "RUN <<E\na\nE\n"),
        ("documents that never end", "RUN <<A <<B\n"),
        ("stages", "FROM a AS b\nRUN c\n"),
        ("stages on stages", "FROM b AS b\nUSER c\n"),
        ("copies between stages", "FROM a AS b\nCOPY --from=b / /\n"),
        ("triggers", "ONBUILD RUN a\nFROM b AS b\n"),
        ("brackets", "RUN ((((${${$($(\n"),
        ("quotes", "RUN \"'`\n"),
        ("faults", "FRM a\n"),
    ] {
        grows_with_its_length(name, |count| format!("FROM a AS b\n{}", piece.repeat(count)), read_dockerfile);
    }
}

#[test]
fn one_line_takes_time_by_its_length() {
    for (name, piece) in
        [("words", "a b "), ("variables", "${A:-b}"), ("brackets", "$("), ("quotes", "\"'"), ("braces", "${")]
    {
        grows_with_its_length(
            name,
            |count| format!("FROM a\nRUN {}\n", piece.repeat(count)),
            read_dockerfile,
        );
        grows_with_its_length(
            name,
            |count| format!("FROM a\nENV A={}\n", piece.repeat(count)),
            read_dockerfile,
        );
    }
}

#[test]
fn dockerignores_take_time_by_their_length() {
    for (name, piece) in
        [("names", "a/b\n"), ("patterns", "**/*a*b*\n"), ("ways back", "*\n!a\n"), ("faults", "[a\n")]
    {
        grows_with_its_length(
            name,
            |count| piece.repeat(count),
            |text| {
                DockerIgnore::read(text.as_bytes()).excludes("a/b/c/d/e/f/g/aaaaaaaaaaaaaaaab");
            },
        );
    }
}
