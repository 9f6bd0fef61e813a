//! What the reader makes of Dockerfiles, good and bad.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse(text.as_bytes())
}

fn codes(file: &Dockerfile) -> Vec<&str> {
    file.diagnostics.iter().map(|d| d.code.as_ref()).collect()
}

fn shape(file: &Dockerfile) -> Vec<(&str, u32, u32)> {
    file.instructions.iter().map(|i| (i.keyword.as_str(), i.span.first, i.span.last)).collect()
}

#[test]
fn instructions_span_their_continuations_comments_and_documents() {
    let file = parse(
        "# syntax=docker/dockerfile:1\n\nFROM a\nRUN one && \\\n  # a comment within\n\n  two\n# another\nCOPY <<EOF /x\nbody\nEOF\nCMD x\n",
    );
    assert_eq!(shape(&file), [("FROM", 3, 3), ("RUN", 4, 7), ("COPY", 9, 11), ("CMD", 12, 12)]);
    assert_eq!(file.instructions[1].text, "one &&   two");
    assert_eq!(file.instructions[2].heredocs[0].content, "body\n");
    assert_eq!(file.syntax.as_deref(), Some("docker/dockerfile:1"));
    assert_eq!(file.excerpt(file.instructions[2].span), "COPY <<EOF /x\nbody\nEOF");
    assert_eq!(codes(&file), [""; 0]);
}

#[test]
fn here_documents_stand_anywhere_in_a_run() {
    let file =
        parse("FROM a\nRUN cat <<A > /a && cat <<-'B' > /b\none $X\nA\n\ttwo\n\tB\nRUN echo <<<no\nUSER x\n");
    assert_eq!(shape(&file), [("FROM", 1, 1), ("RUN", 2, 6), ("RUN", 7, 7), ("USER", 8, 8)]);
    let documents = &file.instructions[1].heredocs;
    assert_eq!((documents[0].content.as_str(), documents[0].expand), ("one $X\n", true));
    assert_eq!((documents[1].content.as_str(), documents[1].expand), ("two\n", false));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let file = parse("\u{feff}FROM a\r\nRUN one \\\r\n  two\r\nCMD [\"x\"]\r\n");
    assert_eq!(shape(&file), [("FROM", 1, 1), ("RUN", 2, 3), ("CMD", 4, 4)]);
    assert_eq!(file.instructions[1].text, "one   two");
    assert_eq!(codes(&file), [""; 0]);
    let file = parse("FROM a\r\nRUN <<EOF\r\necho\r\nEOF\r\n");
    assert_eq!(codes(&file), ["crlf"]);
    assert!(!file.is_broken());
}

#[test]
fn the_escape_directive_changes_the_continuation() {
    let file = parse("# escape=`\nFROM a\nRUN dir c:\\\nRUN one `\n  two\n");
    assert_eq!(shape(&file), [("FROM", 2, 2), ("RUN", 3, 3), ("RUN", 4, 5)]);
    assert_eq!(codes(&parse("# escape=x\nFROM a\n")), ["bad_escape"]);
    assert_eq!(codes(&parse("# escape=`\n# escape=`\nFROM a\n")), ["directive_twice"]);
    // Below the first instruction it is a comment.
    assert_eq!(parse("FROM a\n# escape=`\n").escape, '\\');
}

#[test]
fn flags_and_both_forms_of_a_command_are_told_apart() {
    let file = parse(
        "FROM --platform=linux/amd64 a AS b\nRUN --mount=type=cache,target=/x --network=none [\"a\", \"b\"]\nCMD ['a']\n",
    );
    assert_eq!(file.instructions[0].flag("platform"), Some("linux/amd64"));
    assert_eq!(file.instructions[1].flag("mount"), Some("type=cache,target=/x"));
    assert_eq!(
        file.instructions[1].kind,
        InstructionKind::Run(Command::Exec(vec!["a".to_owned(), "b".to_owned()]))
    );
    assert_eq!(codes(&file), ["exec_form_quotes"]);
}

#[test]
fn every_fault_has_a_line_and_a_name() {
    for (text, code, line) in [
        ("", "empty", 1),
        ("# only a comment\n", "empty", 1),
        ("ARG A=1\n", "no_from", 1),
        ("\nRUN x\n", "before_from", 2),
        ("FROM a\nRUNN x\n", "unknown_instruction", 2),
        ("FROM a\nRUN <<EOF\necho\n", "unterminated_heredoc", 2),
        ("FROM a b c\n", "bad_arguments", 1),
        ("FROM a AS 1x\n", "bad_arguments", 1),
        ("FROM a\nCOPY x\n", "bad_arguments", 2),
        ("FROM a\nENV A=1 b\n", "bad_arguments", 2),
        ("FROM a\nENV A\n", "bad_arguments", 2),
        ("FROM a\nEXPOSE\n", "bad_arguments", 2),
        ("FROM a\nSHELL bash\n", "bad_arguments", 2),
        ("FROM a\nHEALTHCHECK curl\n", "bad_arguments", 2),
        ("FROM a\nONBUILD FROM b\n", "bad_arguments", 2),
    ] {
        let file = parse(text);
        assert!(file.is_broken(), "{text:?}");
        assert_eq!((file.diagnostics[0].code.as_ref(), file.diagnostics[0].line), (code, line), "{text:?}");
    }
    let unknown = parse("FROM a\nCOPPY x y\n");
    assert_eq!(unknown.diagnostics[0].suggestion.as_deref(), Some("COPY"));
    assert_eq!(shape(&unknown).len(), 2, "what can be read is read all the same");
}

#[test]
fn bad_text_is_an_error_in_an_instruction_and_a_warning_in_a_comment() {
    let file = Dockerfile::parse(b"FROM a\n# caf\xe9\nRUN echo caf\xe9\n");
    let found: Vec<_> = file.diagnostics.iter().map(|d| (d.line, d.severity)).collect();
    assert_eq!(found, [(2, Severity::Warning), (3, Severity::Error)]);
}

#[test]
fn bases_are_resolved_with_defaults_and_earlier_stages() {
    let file = parse(
        "ARG V=3.13\nARG FULL=python:${V}\nFROM ${FULL} AS Builder\nFROM builder AS two\nFROM ${MISSING}\nFROM scratch\nFROM python:${V:-1}${KIND:+x}-slim\n",
    );
    let graph = StageGraph::new(&file);
    let bases: Vec<&Base> = graph.stages.iter().map(|s| &s.base).collect();
    assert_eq!(
        bases,
        [
            &Base::Image("python:3.13".into()),
            &Base::Stage(0),
            &Base::Unknown,
            &Base::Scratch,
            &Base::Image("python:3.13-slim".into())
        ]
    );
    assert_eq!(graph.diagnostics[0].code, "base_is_empty");
}

#[test]
fn copies_between_stages_go_by_name_number_and_image() {
    let file = parse(
        "FROM a AS One\nFROM b\nFROM c\nCOPY --from=one /x /x\nCOPY --from=1 /y /y\nCOPY --from=nginx:1 /z /z\nRUN --mount=type=bind,from=one,source=/w,target=/w ls\nCOPY --from=7 /a /a\nCOPY --from=2 /a /a\nCOPY --from=$X /a /a\n",
    );
    let graph = StageGraph::new(&file);
    let sources: Vec<Option<usize>> = graph.stages[2].edges.iter().map(Edge::stage).collect();
    assert_eq!(sources, [Some(0), Some(1), None, Some(0), None, None, None]);
    let codes: Vec<&str> = graph.diagnostics.iter().map(|d| d.code.as_ref()).collect();
    assert_eq!(codes, ["no_such_stage", "copy_from_itself", "variable_in_from"]);
    assert_eq!(graph.needed(), [0, 1, 2]);
}

#[test]
fn only_needed_stages_count() {
    let file =
        parse("FROM a AS unused\nFROM b AS base\nFROM base AS deps\nFROM base\nCOPY --from=deps /x /x\n");
    assert_eq!(StageGraph::new(&file).needed(), [1, 2, 3]);
}

#[test]
fn a_step_sees_what_was_set_before_it() {
    let file = parse(
        "ARG G=global\nFROM a AS base\nENV A=1\nARG B=2\nFROM base\nARG G\nRUN x\nENV A=3 C=\"$A-$G\"\nRUN x\nARG A=arg\nRUN x\n",
    );
    let graph = StageGraph::new(&file);
    let at = |step: usize, name: &str| graph.scope(1, step).get(name).map(str::to_owned);
    assert_eq!(at(1, "A").as_deref(), Some("1"));
    assert_eq!(at(1, "B"), None, "ARG ends with its stage");
    assert_eq!(at(1, "G").as_deref(), Some("global"));
    assert_eq!(at(3, "C").as_deref(), Some("1-global"), "an ENV sees the values before its own line");
    assert_eq!(at(5, "A").as_deref(), Some("3"), "ENV wins over ARG");
}

#[test]
fn files_are_followed_to_where_they_lie() {
    let context: Vec<String> = ["app/main.py", "app/x.txt", "requirements.txt"].map(str::to_owned).into();
    let file = parse(
        "FROM a AS one\nWORKDIR /srv\nCOPY requirements.txt .\nCOPY app code/\nFROM b\nWORKDIR app\nCOPY --from=one /srv/code/*.py src/\nCOPY re*.txt /etc/list\n",
    );
    let graph = StageGraph::new(&file);
    let layout = Layout::new(&graph, &context);
    let lies = |stage: usize| -> Vec<(String, String)> {
        layout.after(stage).map(|o| (o.context_path.clone(), o.path.clone())).collect()
    };
    assert_eq!(
        lies(0),
        [
            ("requirements.txt", "/srv/requirements.txt"),
            ("app/main.py", "/srv/code/main.py"),
            ("app/x.txt", "/srv/code/x.txt")
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(
        lies(1),
        [("app/main.py", "/app/src/main.py"), ("requirements.txt", "/etc/list")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(layout.before(1, 1).count(), 0);
}

#[test]
fn positions_are_counted_from_one() {
    let file = parse("FROM a\nRUN é b\n");
    assert_eq!(file.position(0), (1, 1));
    assert_eq!(file.position(7), (2, 1));
    assert_eq!(file.position(13), (2, 6));
}

#[test]
fn ten_thousand_lines_and_doubling_variables_are_read_in_no_time() {
    let mut text = "FROM a\nENV A=xxxxxxxxxxxxxxxx\n".to_owned();
    for _ in 0..5_000 {
        text.push_str("ENV A=$A$A\nRUN pip install $A\n");
    }
    let file = parse(&text);
    let graph = StageGraph::new(&file);
    assert_eq!(graph.stages[0].steps.len(), 10_001);
    assert!(graph.scope(0, 10_000).get("A").is_some_and(|value| value.len() < 100_000));
}

/// Where an instruction of the other reader starts, in bytes.
fn keyword_start(instruction: &parse_dockerfile::Instruction<'_>) -> usize {
    use parse_dockerfile::Instruction as Theirs;
    let keyword = match instruction {
        Theirs::From(i) => &i.from,
        Theirs::Run(i) => &i.run,
        Theirs::Copy(i) => &i.copy,
        Theirs::Env(i) => &i.env,
        Theirs::User(i) => &i.user,
        Theirs::Cmd(i) => &i.cmd,
        Theirs::Expose(i) => &i.expose,
        Theirs::Workdir(i) => &i.workdir,
        Theirs::Healthcheck(i) => &i.healthcheck,
        Theirs::Volume(i) => &i.volume,
        Theirs::Label(i) => &i.label,
        other => panic!("the test holds no {other:?}"),
    };
    keyword.span.start
}

/// Words that Dockerfiles are made of, and those that break them.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "FROM a", "FROM a AS b", "FROM $A", "RUN", "COPY", "COPY --from=b", "ADD", "ENV", "ARG", "CMD", "ONBUILD",
            "HEALTHCHECK", "SHELL", "WORKDIR", "USER", "<<EOF", "<<-'E O'", "EOF", "\\", "`", "\n", "\r\n", "\t", " ",
            "# escape=`", "#", "[\"a\"]", "[", "\"", "'", "$", "${A:-${B}}", "${A##*}", "${", "A=1", "--mount=type=bind,from=b",
            "pip install -r x", "$(", ")", "&&", "|", ">", "sh -c", "=", "--", "*", "\u{feff}", "é", "\0",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let file = Dockerfile::parse(&bytes);
        StageGraph::new(&file);
    }

    #[test]
    fn no_text_makes_reader_graph_layout_or_shell_panic(pieces in prop::collection::vec(piece(), 0..40), gap in "[ \n]") {
        let text = pieces.join(&gap);
        let file = Dockerfile::parse(text.as_bytes());
        let graph = StageGraph::new(&file);
        let context = vec!["a.py".to_owned(), "b/c.txt".to_owned()];
        let layout = Layout::new(&graph, &context);
        for stage in &graph.stages {
            for step in &stage.steps {
                shell::commands_of(&graph, stage.index, step.index);
                layout.mounted(stage.index, step.index, &context);
                graph.user(stage.index, step.index);
            }
        }
        graph.needed();
        // Spans lie within the file, in order, and do not overlap.
        let spans: Vec<LineSpan> = file.instructions.iter().map(|i| i.span).collect();
        for pair in spans.windows(2) {
            prop_assert!(pair[0].last < pair[1].first);
        }
        for span in &spans {
            prop_assert!(span.first >= 1 && span.first <= span.last && span.last as usize <= file.lines.len());
        }
    }

    /// Where both speak the same language, this reader and the crate `parse-dockerfile` find the same instructions
    /// at the same lines.
    #[test]
    fn plain_files_are_read_as_another_reader_reads_them(steps in prop::collection::vec(prop::sample::select(vec![
        "RUN echo a", "RUN a && \\\n  b", "COPY a b", "COPY --from=x a b", "ENV A=1", "# comment", "", "USER x", "FROM b AS c1",
        "CMD [\"a\", \"b\"]", "RUN <<EOF\nx\nEOF", "EXPOSE 80", "WORKDIR /a", "HEALTHCHECK CMD a", "VOLUME /a", "LABEL a=b",
    ]), 0..20)) {
        let text = format!("FROM a\n{}\n", steps.join("\n"));
        let ours = parse(&text);
        let theirs: Vec<u32> = parse_dockerfile::parse_iter(&text)
            .expect("no directives")
            .map(|i| {
                let start = keyword_start(&i.expect("a good file"));
                text[..start].matches('\n').count() as u32 + 1
            })
            .collect();
        prop_assert!(!ours.is_broken(), "{:?}", ours.diagnostics);
        prop_assert_eq!(ours.instructions.iter().map(|i| i.span.first).collect::<Vec<_>>(), theirs);
    }
}
