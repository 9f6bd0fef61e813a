//! What must be true of every page, whatever it shows.

use containrlab_web_templates::*;

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../examples/preview/samples.rs"]
mod samples;
mod tags;

use tags::{Tag, tags};

/// Would break out of text, of a quoted attribute and of a URL.
const HOSTILE: &str = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>&lt;\r\n";

/// Every page and partial with hostile strings wherever a person or a program may put one.
fn hostile_pages() -> Vec<(&'static str, String)> {
    let evil = || HOSTILE.to_owned();
    let shell =
        Shell { title: evil(), viewer: Some(Viewer { name: evil() }), nav: Nav::Labs, notice: Some(evil()) };
    let card = LabCard {
        slug: evil(),
        order: 1,
        title: evil(),
        summary: evil(),
        level: evil(),
        minutes: 1,
        tags: vec![evil()],
        progress: LabProgress::InProgress,
        prerequisites: vec![Prerequisite { slug: evil(), title: evil(), passed: false }],
        active_session: Some(evil()),
    };
    let step = LabStep { id: evil(), title: evil(), text: TrustedHtml::default() };
    let attempt = AttemptRow {
        id: evil(),
        lab_slug: evil(),
        lab_title: evil(),
        state: AttemptState::Failed,
        ..AttemptRow::default()
    };
    let verdict = Verdict {
        attempt_id: evil(),
        number: 1,
        state: AttemptState::Failed,
        sentence: evil(),
        checks: vec![CheckRow { title: evil(), outcome: CheckOutcome::Failed }],
        findings: vec![Finding {
            code: evil(),
            message: evil(),
            file: Some(evil()),
            line: Some(3),
            excerpt: evil(),
            why: evil(),
            hint: evil(),
            log: evil(),
            read_more: Some(ReadMore { step: evil(), title: evil() }),
            hints_of: Some(evil()),
        }],
        lab_slug: evil(),
        metrics: vec![Metric {
            label: evil(),
            value: evil(),
            change: Some(Change { text: evil(), tone: Tone::Worse }),
        }],
        notes: vec![evil()],
        again: Some(JudgedAgain {
            at: jiff::Timestamp::UNIX_EPOCH,
            because: Some(evil()),
            before: Some(evil()),
            stays_passed: true,
        }),
        ..Verdict::default()
    };
    let log = LogPartial::of(LogChunk {
        job_id: evil(),
        heading: Some(evil()),
        lines: vec![LogLine { position: 1, stream: LogStream::Out, text: evil() }],
    });
    let action = || Action { idempotency_key: evil(), busy: false, blocked: Some(evil()) };
    let status = StatusPartial {
        session_id: evil(),
        lab_slug: evil(),
        stage: Stage::Ended { code: evil(), sentence: evil(), resumable: true },
        idempotency_key: evil(),
        ..StatusPartial::default()
    };
    let preparing =
        StatusPartial { stage: Stage::Preparing { detail: evil() }, can_extend: true, ..status.clone() };
    let session = SessionPage {
        shell: shell.clone(),
        session_id: evil(),
        lab_slug: evil(),
        lab_title: evil(),
        steps: vec![step.clone()],
        status,
        files: FilesPartial::new(vec![
            FileEntry { path: evil(), hash: evil(), ..FileEntry::default() },
            FileEntry {
                path: format!("{HOSTILE}/inner"),
                hash: evil(),
                executable: true,
                ..FileEntry::default()
            },
        ]),
        jobs: JobsPartial {
            session_id: evil(),
            build: action(),
            run: action(),
            submit: action(),
            jobs: vec![JobRow { id: evil(), detail: evil(), ..JobRow::default() }],
        },
        log: log.clone(),
        verdict: VerdictPartial {
            current: CurrentVerdict::Done(Box::new(verdict.clone())),
            attempts: vec![attempt.clone()],
            lab_slug: evil(),
            solution: SolutionStanding::Offered,
            solution_key: evil(),
        },
        hints: HintsPartial {
            session_id: evil(),
            groups: vec![HintGroup {
                check: evil(),
                title: evil(),
                total: 1,
                idempotency_key: evil(),
                ..HintGroup::default()
            }],
            open: true,
        },
        ports: PortsPartial { session_id: evil(), ports: vec![80, 8080], opens: true },
        timeline: TimelinePartial {
            rows: vec![TimelineRow { text: evil(), actor: evil(), ..TimelineRow::default() }],
        },
        live_cursor: evil(),
        ..SessionPage::default()
    };
    let judging = VerdictPartial {
        current: CurrentVerdict::Judging { number: 1, step: evil() },
        ..VerdictPartial::default()
    };
    let lab = LabPage {
        shell: shell.clone(),
        lab: card.clone(),
        steps: vec![step],
        checks: vec![LabCheck { title: evil(), detail: evil() }],
        start: StartChoice::Resume {
            session: evil(),
            saved_at: jiff::Timestamp::UNIX_EPOCH,
            files: vec![evil()],
        },
        idempotency_key: evil(),
        solution: SolutionStanding::Shown,
        attempts: vec![attempt.clone()],
        ..LabPage::default()
    };
    let render = |page: &dyn samples::DynRender| page.html();
    vec![
        (
            "sign-in",
            render(&SignInPage {
                shell: shell.clone(),
                local: true,
                name: evil(),
                error: Some(evil()),
                next: evil(),
                github_url: Some(evil()),
            }),
        ),
        ("labs", render(&LabsPage { shell: shell.clone(), labs: vec![card] })),
        ("lab, to be resumed", render(&lab)),
        (
            "lab, active",
            render(&LabPage {
                start: StartChoice::Active { session: evil(), sentence: evil() },
                ..lab.clone()
            }),
        ),
        ("lab, fresh", render(&LabPage { start: StartChoice::Fresh, ..lab })),
        (
            "solution",
            render(&SolutionPage {
                shell: shell.clone(),
                lab_slug: evil(),
                lab_title: evil(),
                attempt_id: evil(),
                files: vec![SolutionFile {
                    path: evil(),
                    standing: FileStanding::Differs,
                    text: evil(),
                    lines: vec![DiffLine { text: evil(), ..DiffLine::default() }],
                }],
                only_yours: vec![evil()],
                ..SolutionPage::default()
            }),
        ),
        ("session", render(&session)),
        ("status, preparing", render(&preparing)),
        ("verdict, judging", render(&judging)),
        ("attempts", render(&AttemptsPage { shell: shell.clone(), attempts: vec![attempt.clone()] })),
        (
            "attempt",
            render(&AttemptPage {
                shell: shell.clone(),
                attempt,
                verdict: Some(verdict),
                earlier: vec![EarlierVerdict {
                    judged_at: jiff::Timestamp::UNIX_EPOCH,
                    sentence: evil(),
                    codes: vec![evil()],
                }],
                basis: Some(evil()),
                log,
                previous: Some(evil()),
                live_session: Some(evil()),
            }),
        ),
        (
            "error",
            render(&ErrorPage {
                shell,
                status: 500,
                title: evil(),
                sentence: evil(),
                mend: Some(evil()),
                request_id: evil(),
                link: Some((evil(), evil())),
            }),
        ),
    ]
}

fn all_pages() -> Vec<(&'static str, String)> {
    let mut pages = samples::pages();
    pages.extend(hostile_pages());
    pages
}

#[test]
fn hostile_text_stays_text() {
    for (name, html) in hostile_pages() {
        assert!(
            html.contains("alert(2)") || html.contains("alert%282%29"),
            "{name}: the hostile text is shown at all"
        );
        for tag in tags(&html) {
            assert!(
                !(tag.name == "img" && tag.attribute("src") == Some("x")),
                "{name}: hostile text became an element: {tag:?}"
            );
        }
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for (name, html) in all_pages() {
        for tag in tags(&html) {
            check_policy(name, &tag);
        }
    }
}

/// The rules of `script-src 'self'; style-src 'self'` and of a page that loads nothing from elsewhere.
fn check_policy(page: &str, tag: &Tag) {
    if tag.name == "script" && !tag.closing {
        assert!(tag.attribute("src").is_some(), "{page}: inline script");
    }
    assert_ne!(tag.name, "style", "{page}: inline style sheet");
    for (attribute, value) in &tag.attributes {
        assert!(!attribute.starts_with("on"), "{page}: inline handler {tag:?}");
        assert!(!attribute.starts_with("hx-on"), "{page}: inline handler {tag:?}");
        assert!(!matches!(attribute.as_str(), "style" | "hx-vals" | "hx-vars"), "{page}: {tag:?}");
        if matches!(attribute.as_str(), "src" | "href" | "action" | "hx-post" | "hx-get" | "sse-connect") {
            let value = value.as_str();
            // The sign-in page's link to GitHub and an error's link are given by the api.
            let given = value.contains("alert(");
            assert!(
                given
                    || value.is_empty()
                    || value.starts_with('#')
                    || (value.starts_with('/') && !value.starts_with("//")),
                "{page}: {attribute}={value}"
            );
        }
        for url in value.split(' ').filter(|url| url.starts_with("/static/")) {
            let path = url.trim_start_matches("/static/");
            assert!(static_files::get(path).is_some(), "{page}: {url} is not there");
        }
    }
}

#[test]
fn elements_are_closed_and_ids_are_unique() {
    const VOID: [&str; 7] = ["meta", "link", "input", "img", "br", "hr", "path"];
    for (name, html) in all_pages() {
        let mut open: Vec<String> = Vec::new();
        let mut ids = std::collections::HashSet::new();
        for tag in tags(&html) {
            if let Some(id) = tag.attribute("id") {
                assert!(ids.insert(id.to_owned()), "{name}: id {id} twice");
            }
            if tag.closing {
                assert_eq!(
                    open.pop().as_ref(),
                    Some(&tag.name),
                    "{name}: </{}> closes something else",
                    tag.name
                );
            } else if !VOID.contains(&tag.name.as_str()) {
                open.push(tag.name);
            }
        }
        assert!(open.is_empty(), "{name}: never closed: {open:?}");
    }
}

#[test]
fn everything_that_is_pressed_or_filled_in_has_a_name() {
    for (name, html) in samples::pages() {
        let all = tags(&html);
        let labels: Vec<_> =
            all.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.attribute("for")).collect();
        for (place, tag) in all.iter().enumerate() {
            if tag.name == "input" && tag.attribute("type") != Some("hidden") {
                assert!(labels.contains(&tag.attribute("id").unwrap_or("")), "{name}: {tag:?} has no label");
            }
            if tag.name == "button" && !tag.closing {
                let text = all[place + 1].before.trim();
                let busy = all[place + 1].attribute("class") == Some("spinner");
                assert!(
                    !text.is_empty() || busy || tag.attribute("aria-label").is_some(),
                    "{name}: {tag:?} says nothing"
                );
            }
            if tag.name == "img" {
                assert!(tag.attribute("alt").is_some(), "{name}: {tag:?} has no alt");
            }
        }
        assert!(html.contains("<html lang=\"en\">"), "{name}");
        assert_eq!(
            all.iter().filter(|tag| tag.name == "h1" && !tag.closing).count(),
            1,
            "{name}: one heading of the page"
        );
    }
}

#[test]
fn every_command_carries_its_key() {
    for (name, html) in samples::pages() {
        let all = tags(&html);
        for (place, tag) in all.iter().enumerate() {
            let Some(action) = tag.attribute("action") else { continue };
            if action.starts_with("/sign-") {
                continue;
            }
            assert_eq!(tag.attribute("method"), Some("post"), "{name}: {action}");
            let key = all[place + 1..]
                .iter()
                .take_while(|tag| tag.name != "form")
                .find(|tag| tag.attribute("name") == Some("idempotency_key"));
            assert!(
                key.and_then(|tag| tag.attribute("value")).is_some_and(|value| !value.is_empty()),
                "{name}: {action} has no key"
            );
        }
    }
}

#[test]
fn event_data_holds_no_carriage_return() {
    let files = FilesPartial::new(vec![FileEntry { path: "odd\rname".into(), ..FileEntry::default() }]);
    let data = live::event_data(&files).expect("it renders");
    assert!(!data.contains('\r'));
    assert!(data.contains("odd&#13;name"), "{data}");
}

#[test]
fn the_tree_puts_folders_first_and_adds_those_that_only_paths_name() {
    let file = |path: &str| FileEntry { path: path.into(), ..FileEntry::default() };
    let tree = FilesPartial::new(vec![
        file("b"),
        file("a/z/1"),
        file("a/b"),
        file("Z"),
        file("c/d"),
        FileEntry { folder: true, ..file("e") },
    ]);
    let order: Vec<_> = tree.files.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(order, ["a", "a/z", "a/z/1", "a/b", "c", "c/d", "e", "b", "Z"]);
    let html = tree.render().expect("it renders");
    assert!(html.contains("aria-level=\"3\" tabindex=\"-1\" data-path=\"a/z/1\""), "{html}");
}

#[test]
fn each_log_line_carries_its_job_and_position() {
    let html = samples::log().render().expect("it renders");
    assert!(
        html.contains("data-job=\"0198a7c2-7d1e-7c3a-9b1f-3f2a6c1daa01\" data-position=\"13\">exit code 1<"),
        "{html}"
    );
    assert!(html.contains("<span class=\"ansi-1\">ERROR: No matching distribution"), "{html}");
    assert!(
        LogPartial::default().render().expect("it renders").is_empty(),
        "an empty log has no content for CSS's :empty"
    );
}

#[test]
fn a_finding_leads_into_the_editor_only_where_there_is_one() {
    let verdict = VerdictPartial {
        current: CurrentVerdict::Done(Box::new(samples::verdict_failed())),
        ..VerdictPartial::default()
    };
    let in_session = verdict.render().expect("it renders");
    assert!(
        in_session.contains("data-open-file=\"Dockerfile\" data-open-line=\"4\">Dockerfile:4<"),
        "{in_session}"
    );
    let on_page = samples::attempt_page().render().expect("it renders");
    assert!(!on_page.contains("data-open-file"));
    assert!(on_page.contains("<code class=\"place\">Dockerfile:4</code>"));
    let passed = VerdictPartial {
        current: CurrentVerdict::Done(Box::new(samples::verdict_passed())),
        ..VerdictPartial::default()
    }
    .render()
    .expect("it renders");
    assert!(passed.contains("All 6 checks pass.") && !passed.contains("class=\"finding\""));
}

#[test]
fn a_hint_that_was_not_asked_for_is_not_on_the_page() {
    let html = samples::hints().render().expect("it renders");
    assert!(html.contains("1 of 1") && html.contains("2 of 3") && html.contains("0 of 2"), "{html}");
    assert_eq!(html.matches("<form").count(), 2, "what is left can be asked for");
    assert!(html.contains("name=\"check\" value=\"order\"") && html.contains("name=\"number\" value=\"3\""));
    let over = HintsPartial { open: false, ..samples::hints() }.render().expect("it renders");
    assert!(!over.contains("<form") && over.contains("Copy it alone"), "what was shown stays to be read");
}

#[test]
fn the_notice_in_place_of_a_preview_loads_nothing() {
    let notice = PreviewNotice {
        port: 8080,
        title: HOSTILE.into(),
        sentence: HOSTILE.into(),
        mend: HOSTILE.into(),
        link: Some(("http://127.0.0.1:8000/sessions/1".into(), HOSTILE.into())),
        looks_again: true,
    };
    let html = notice.render().expect("it renders");
    assert!(html.contains("http-equiv=\"refresh\""));
    let once = PreviewNotice { looks_again: false, ..notice }.render().expect("it renders");
    assert!(!once.contains("http-equiv=\"refresh\""), "what stays as it is is not asked for again and again");
    for tag in tags(&html) {
        assert!(!matches!(tag.name.as_str(), "script" | "link" | "img" | "iframe"), "{tag:?}");
        assert!(!tag.attributes.iter().any(|(name, _)| name.starts_with("on") || name == "style"), "{tag:?}");
    }
}

#[test]
fn a_finding_shows_the_lines_and_leads_to_the_text_and_the_hints() {
    let verdict = VerdictPartial {
        current: CurrentVerdict::Done(Box::new(samples::verdict_failed())),
        ..VerdictPartial::default()
    };
    let in_session = verdict.render().expect("it renders");
    assert!(in_session.contains("<span class=\"excerpt-number\">5</span>RUN pip install"), "{in_session}");
    assert!(
        in_session.contains("data-show-step=\"step-write\"")
            && in_session.contains("data-show-hints=\"order\"")
    );
    let on_page = samples::attempt_page().render().expect("it renders");
    assert!(on_page.contains("href=\"/labs/lab2#step-write\"") && !on_page.contains("data-show-hints"));
}

#[test]
fn the_list_says_which_lab_comes_next_and_what_is_better_done_before() {
    let html = LabsPage { shell: samples::shell("Labs", Nav::Labs), labs: samples::labs() }
        .render()
        .expect("it renders");
    assert_eq!(html.matches("Next for you").count(), 1);
    let next = html.split("data-level").find(|card| card.contains("Next for you")).expect("a card");
    assert!(next.contains("Layers and the build cache"), "the first one that is not passed");
    assert!(html.contains("Better after <a href=\"/labs/lab2\">"), "only what is not passed yet");
}

#[test]
fn the_status_offers_what_its_stage_allows() {
    let of = |stage| samples::status(stage).render().expect("it renders");
    let ready = of(Stage::Ready);
    assert!(ready.contains("/end\"") && ready.contains("/extend\"") && ready.contains("data-clock"));
    assert!(!ready.contains("class=\"stage"));
    let troubled = StatusPartial { notice: Some("It was full.".into()), ..samples::status(Stage::Ready) };
    let troubled = troubled.render().expect("it renders");
    assert!(troubled.contains(">It was full.</p>") && !ready.contains("role=\"alert\""));
    let in_line = of(Stage::InLine { place: 3, wait: Some(std::time::Duration::from_secs(400)) });
    assert!(in_line.contains("in about 7 minutes."));
    assert!(!of(Stage::InLine { place: 1, wait: None }).contains("recent sessions"));
    assert!(
        in_line.contains("You are number 3.")
            && in_line.contains("In line · place 3")
            && in_line.contains("/end\"")
    );
    assert!(!in_line.contains("/extend\""));
    let ended =
        of(Stage::Ended { code: "expired".into(), sentence: "Its time was up.".into(), resumable: true });
    assert!(ended.contains("Its time was up.") && ended.contains("Start again from where you left"));
    assert!(!ended.contains("/end\"") && !ended.contains("data-clock"));
    let lost = of(Stage::Ended { code: "failed".into(), sentence: "It failed.".into(), resumable: false });
    assert!(!lost.contains("Start again from where you left"));
}
