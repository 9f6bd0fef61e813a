//! Sample data for every page: what the preview shows and what the tests look at.

use containrlab_web_templates::*;

/// The session that all samples speak of.
pub const SESSION: &str = "0198a7c2-7d1e-7c3a-9b1f-3f2a6c1d9e01";

fn at(minute: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_415_000 + minute * 60).expect("a moment in range")
}

pub fn shell(title: &str, nav: Nav) -> Shell {
    Shell::new(title, Some(Viewer { name: "Ada Lovelace".into() }), nav)
}

pub fn labs() -> Vec<LabCard> {
    let card =
        |order, slug: &str, title: &str, summary: &str, level: &str, minutes, tags: &[&str], progress| {
            LabCard {
                slug: slug.into(),
                order,
                title: title.into(),
                summary: summary.into(),
                level: level.into(),
                minutes,
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                progress,
                prerequisites: Vec::new(),
                active_session: None,
            }
        };
    let mut labs = vec![
        card(
            1,
            "lab1",
            "Your first Dockerfile",
            "Put a small Python web service into an image: a Dockerfile, a .dockerignore, and a /health that answers.",
            "Beginner",
            20,
            &["Dockerfile", ".dockerignore", "Python"],
            LabProgress::Passed,
        ),
        card(
            2,
            "lab2",
            "Layers and the build cache",
            "Order the layers so that a change in the source does not install the packages again.",
            "Beginner",
            25,
            &["layers", "cache", "pip"],
            LabProgress::InProgress,
        ),
        card(
            3,
            "lab3",
            "Small images with several stages",
            "Build in one stage, ship from another, and stay under 250 MB with everything still working.",
            "Intermediate",
            35,
            &["multi-stage", "Node.js", "image size"],
            LabProgress::NotStarted,
        ),
    ];
    labs[1].active_session = Some(SESSION.into());
    let before = |lab: &LabCard| Prerequisite {
        slug: lab.slug.clone(),
        title: lab.title.clone(),
        passed: lab.progress == LabProgress::Passed,
    };
    labs[2].prerequisites = labs[..2].iter().map(before).collect();
    labs
}

pub fn text() -> TrustedHtml {
    TrustedHtml(
        "<p>A Flask service lies in <code>/workspace</code>. It listens on port 8000 and answers <code>/health</code>. \
         Your task: put it into an image that anybody can build and run.</p>\
         <p>The files:</p><table><thead><tr><th>File</th><th>What it is</th></tr></thead><tbody>\
         <tr><td><code>app.py</code></td><td>the service</td></tr><tr><td><code>requirements.txt</code></td><td>its packages</td></tr></tbody></table>"
            .into(),
    )
}

pub fn steps() -> Vec<LabStep> {
    vec![
        LabStep {
            id: "write".into(),
            title: "Write the Dockerfile".into(),
            text: TrustedHtml(
                "<p>Start from <code>python:3.13-slim</code>, copy what the packages need first, then the source:</p>\
                 <pre><code class=\"language-dockerfile\">FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\n</code></pre>"
                    .into(),
            ),
        },
        LabStep {
            id: "leave-out".into(),
            title: "Leave out what does not belong".into(),
            text: TrustedHtml("<p>A <code>.dockerignore</code> keeps <code>venv</code>, caches and secrets out of the build.</p>".into()),
        },
        LabStep {
            id: "build".into(),
            title: "Build it and ask it".into(),
            text: TrustedHtml(
                "<p>In the terminal:</p><pre><code class=\"language-sh\">docker build -t web .\ndocker run -d -p 8000:8000 web\ncurl localhost:8000/health\n</code></pre>"
                    .into(),
            ),
        },
    ]
}

pub fn checks() -> Vec<LabCheck> {
    [
        ("There is a Dockerfile", ""),
        (
            "Packages before source",
            "requirements.txt is copied and installed before the rest, so that the cache works.",
        ),
        (".dockerignore names venv and caches", ""),
        ("The image builds", "In a fresh sandbox, from your files only."),
        ("/health answers", "Within 30 seconds of the container's start, with status 200."),
    ]
    .map(|(title, detail)| LabCheck { title: title.into(), detail: detail.into() })
    .to_vec()
}

pub fn attempts() -> Vec<AttemptRow> {
    let row = |number, state, minute, millis, findings| AttemptRow {
        id: format!("0198a7c2-7d1e-7c3a-9b1f-3f2a6c1d9f0{number}"),
        lab_slug: "lab2".into(),
        lab_title: "Layers and the build cache".into(),
        number,
        state,
        submitted_at: at(minute),
        millis,
        findings,
    };
    vec![
        row(4, AttemptState::Judging, 40, None, 0),
        row(3, AttemptState::Failed, 31, Some(14_200), 2),
        row(2, AttemptState::Inconclusive, 22, Some(60_300), 0),
        row(1, AttemptState::Passed, 3, Some(21_800), 0),
    ]
}

pub fn verdict_failed() -> Verdict {
    let finding = |code: &str, message: &str, file: &str, line, why: &str, hint: &str, log: &str| Finding {
        code: code.into(),
        message: message.into(),
        file: Some(file.into()),
        line,
        excerpt: String::new(),
        why: why.into(),
        hint: hint.into(),
        log: log.into(),
        read_more: Some(ReadMore { step: "write".into(), title: "Write the Dockerfile".into() }),
        hints_of: Some("order".into()),
    };
    let excerpt = "COPY . .\nRUN pip install -r requirements.txt";
    Verdict {
        attempt_id: "0198a7c2-7d1e-7c3a-9b1f-3f2a6c1d9f03".into(),
        number: 3,
        state: AttemptState::Failed,
        sentence: "2 of 6 checks fail.".into(),
        submitted_at: at(31),
        millis: Some(14_200),
        again: None,
        checks: [
            ("There is a Dockerfile", CheckOutcome::Passed),
            ("Packages before source", CheckOutcome::Failed),
            (".dockerignore names venv and caches", CheckOutcome::Passed),
            ("The image builds", CheckOutcome::Failed),
            ("The container starts", CheckOutcome::Skipped),
            ("/health answers", CheckOutcome::Skipped),
        ]
        .map(|(title, outcome)| CheckRow { title: title.into(), outcome })
        .to_vec(),
        findings: vec![
            Finding {
                excerpt: excerpt.into(),
                ..finding(
                    "layer_order_incorrect",
                    "The source is copied before the packages are installed.",
                    "Dockerfile",
                    Some(4),
                    "Any change in your source then installs all packages again: minutes instead of a second.",
                    "Copy requirements.txt alone first, install, and copy the rest after that.",
                    "",
                )
            },
            finding(
                "docker_build_failed",
                "The build stops at the pip install.",
                "requirements.txt",
                Some(2),
                "Without an image there is nothing to run.",
                "Look at the version that pip could not find.",
                "#9 [4/5] RUN pip install -r requirements.txt\n#9 1.204 \u{1b}[31mERROR: No matching distribution found for flask==9.9.9\u{1b}[0m\n#9 ERROR: process \"/bin/sh -c pip install -r requirements.txt\" did not complete successfully: exit code: 1",
            ),
        ],
        lab_slug: "lab2".into(),
        metrics: vec![
            Metric {
                label: "Image size".into(),
                value: "143 MB".into(),
                change: Some(Change { text: "−83 MB".into(), tone: Tone::Better }),
            },
            Metric {
                label: "Build".into(),
                value: "12 s".into(),
                change: Some(Change { text: "+4.1 s".into(), tone: Tone::Worse }),
            },
            Metric { label: "Layers".into(), value: "9".into(), change: None },
        ],
        notes: vec!["The build used the cache of no earlier build: judging always starts fresh.".into()],
    }
}

pub fn hints() -> HintsPartial {
    let shown = |strength, text: &str| ShownHint { strength, text: TrustedHtml(text.into()), at: at(30) };
    let group = |check: &str, title: &str, shown, total| HintGroup {
        check: check.into(),
        title: title.into(),
        shown,
        total,
        idempotency_key: format!("0198a7c2-0000-7000-8000-00000000000d-{check}"),
    };
    HintsPartial {
        session_id: SESSION.into(),
        groups: vec![
            group("", "", vec![shown(1, "<p>Begin with what changes least.</p>")], 1),
            group(
                "order",
                "Packages before source",
                vec![
                    shown(1, "<p>Which file says what pip needs?</p>"),
                    shown(
                        2,
                        "<p>Copy it alone, and install right after:</p><pre><code>COPY requirements.txt .\n</code></pre>",
                    ),
                ],
                3,
            ),
            group("build", "The image builds", Vec::new(), 2),
        ],
        open: true,
    }
}

pub fn solution() -> SolutionPage {
    let line = |kind, old, new, text: &str| DiffLine { kind, old, new, text: text.into() };
    let file = |path: &str, standing, text: &str, lines| SolutionFile {
        path: path.into(),
        standing,
        text: text.into(),
        lines,
    };
    SolutionPage {
        shell: shell("Solution", Nav::Labs),
        lab_slug: "lab2".into(),
        lab_title: "Layers and the build cache".into(),
        attempt_id: "0198a7c2-7d1e-7c3a-9b1f-3f2a6c1d9f03".into(),
        attempt_number: 3,
        files: vec![
            file(
                "Dockerfile",
                FileStanding::Differs,
                "FROM python:3.13-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n",
                vec![
                    line(DiffKind::Both, Some(1), Some(1), "FROM python:3.13-slim"),
                    line(DiffKind::Yours, Some(2), None, "COPY . ."),
                    line(DiffKind::Solution, None, Some(2), "COPY requirements.txt ."),
                    line(DiffKind::Both, Some(3), Some(3), "RUN pip install -r requirements.txt"),
                    line(DiffKind::Solution, None, Some(4), "COPY . ."),
                    line(DiffKind::Gap, None, None, ""),
                ],
            ),
            file(".dockerignore", FileStanding::Missing, "venv\n", Vec::new()),
            file("app.py", FileStanding::Same, "print('hello')\n", Vec::new()),
            file("logo.png", FileStanding::Binary, "", Vec::new()),
        ],
        only_yours: vec!["notes.txt".into()],
    }
}

pub fn verdict_passed() -> Verdict {
    Verdict {
        state: AttemptState::Passed,
        number: 4,
        sentence: "All 6 checks pass.".into(),
        findings: Vec::new(),
        checks: verdict_failed()
            .checks
            .into_iter()
            .map(|check| CheckRow { outcome: CheckOutcome::Passed, ..check })
            .collect(),
        ..verdict_failed()
    }
}

pub fn log() -> LogPartial {
    let lines = [
        "#0 building with \"default\" instance using docker driver",
        "#1 [internal] load build definition from Dockerfile",
        "#1 transferring dockerfile: 182B done",
        "#1 DONE 0.0s",
        "#2 [internal] load metadata for docker.io/library/python:3.13-slim",
        "#2 DONE 0.0s",
        "#5 [1/5] FROM docker.io/library/python:3.13-slim",
        "#5 CACHED",
        "#8 [3/5] COPY requirements.txt .",
        "#8 DONE 0.1s",
        "#9 [4/5] RUN pip install -r requirements.txt",
        "#9 1.204 \u{1b}[31mERROR: No matching distribution found for flask==9.9.9\u{1b}[0m",
        "#9 ERROR: process \"/bin/sh -c pip install -r requirements.txt\" did not complete successfully: exit code: 1",
    ];
    let mut lines: Vec<LogLine> = (0_u64..)
        .zip(lines)
        .map(|(position, text)| LogLine { position, stream: LogStream::Err, text: text.to_owned() })
        .collect();
    lines.push(LogLine { position: 13, stream: LogStream::System, text: "exit code 1".into() });
    LogPartial::of(LogChunk {
        job_id: "0198a7c2-7d1e-7c3a-9b1f-3f2a6c1daa01".into(),
        heading: Some("Build · docker build -t lab .".into()),
        lines,
    })
}

pub fn files() -> FilesPartial {
    let file = |path: &str, size, executable| FileEntry {
        path: path.into(),
        size,
        hash: format!("h-{path}"),
        executable,
        folder: false,
    };
    FilesPartial::new(vec![
        file("Dockerfile", 182, false),
        file(".dockerignore", 34, false),
        file("app.py", 812, false),
        file("requirements.txt", 31, false),
        file("tests/test_health.py", 520, false),
        file("tests/fixtures/health.json", 64, false),
        file("run.sh", 90, true),
        FileEntry { path: "static".into(), folder: true, ..FileEntry::default() },
    ])
}

pub fn status(stage: Stage) -> StatusPartial {
    let ready = stage == Stage::Ready;
    StatusPartial {
        session_id: SESSION.into(),
        lab_slug: "lab2".into(),
        stage,
        notice: None,
        expires_at: ready.then(|| at(60)),
        now: at(36),
        can_extend: ready,
        idempotency_key: "0198a7c2-0000-7000-8000-00000000000a".into(),
    }
}

pub fn jobs(ready: bool) -> JobsPartial {
    let action = |key: &str, busy| Action {
        idempotency_key: key.into(),
        busy,
        blocked: (!ready).then(|| "Your sandbox is not ready yet.".to_owned()),
    };
    let row = |id: &str, kind, state, detail: &str, millis| JobRow {
        id: id.into(),
        kind,
        state,
        detail: detail.into(),
        millis,
    };
    JobsPartial {
        session_id: SESSION.into(),
        build: action("b", false),
        run: action("r", ready),
        submit: action("s", false),
        jobs: if ready {
            vec![
                row("j3", JobKind::Run, JobState::Running, "docker run", None),
                row("j2", JobKind::Build, JobState::Succeeded, "143 MB", Some(12_300)),
                row("j1", JobKind::Build, JobState::Failed, "exit code 1", Some(4_100)),
            ]
        } else {
            Vec::new()
        },
    }
}

pub fn timeline() -> TimelinePartial {
    let row = |minute, kind, text: &str, actor: &str| TimelineRow {
        at: at(minute),
        kind,
        text: text.into(),
        actor: actor.into(),
    };
    TimelinePartial {
        rows: vec![
            row(31, TimelineKind::Failure, "Attempt 3 failed: 2 findings.", "judge"),
            row(30, TimelineKind::Attempt, "Attempt 3 submitted.", "you"),
            row(28, TimelineKind::Job, "Build failed with exit code 1 after 4.1 s.", "system"),
            row(27, TimelineKind::File, "requirements.txt changed.", "terminal"),
            row(22, TimelineKind::File, "Dockerfile saved.", "you"),
            row(3, TimelineKind::Success, "Sandbox ready in 1.8 s.", "system"),
            row(3, TimelineKind::Session, "Session requested.", "you"),
        ],
    }
}

pub fn session(stage: Stage) -> SessionPage {
    let ready = stage == Stage::Ready;
    SessionPage {
        shell: shell("Layers and the build cache", Nav::Labs),
        session_id: SESSION.into(),
        lab_slug: "lab2".into(),
        lab_title: "Layers and the build cache".into(),
        text: text(),
        steps: steps(),
        status: status(stage),
        files: files(),
        jobs: jobs(ready),
        log: if ready { log() } else { LogPartial::default() },
        verdict: VerdictPartial {
            current: if ready {
                CurrentVerdict::Done(Box::new(verdict_failed()))
            } else {
                CurrentVerdict::None
            },
            attempts: if ready { attempts()[1..].to_vec() } else { Vec::new() },
            lab_slug: "lab2".into(),
            solution: SolutionStanding::Offered,
            solution_key: "0198a7c2-0000-7000-8000-00000000000e".into(),
        },
        hints: if ready { hints() } else { HintsPartial::default() },
        ports: PortsPartial {
            session_id: SESSION.into(),
            ports: if ready { vec![3000, 8080] } else { Vec::new() },
            opens: true,
        },
        timeline: timeline(),
        live_cursor: "0198a7c2-7d1e-7c3a-9b1f-3f2a6c1daa01.14".into(),
        file_limit: 1_048_576,
    }
}

pub fn lab_page(start: StartChoice) -> LabPage {
    LabPage {
        shell: shell("Layers and the build cache", Nav::Labs),
        lab: labs().remove(1),
        text: text(),
        steps: steps(),
        checks: checks(),
        start,
        idempotency_key: "0198a7c2-0000-7000-8000-00000000000b".into(),
        solution: SolutionStanding::Offered,
        solution_key: "0198a7c2-0000-7000-8000-00000000000e".into(),
        attempts: attempts(),
    }
}

fn judged_again() -> JudgedAgain {
    JudgedAgain {
        at: at(14),
        because: Some("the lab has changed since".into()),
        before: Some("Passed. All 6 checks are met.".into()),
        stays_passed: true,
    }
}

pub fn attempt_page() -> AttemptPage {
    AttemptPage {
        shell: shell("Attempt 3", Nav::Attempts),
        attempt: attempts().remove(1),
        verdict: Some(Verdict { again: Some(judged_again()), ..verdict_failed() }),
        earlier: vec![EarlierVerdict {
            judged_at: at(1),
            sentence: "Passed. All 6 checks are met.".into(),
            codes: Vec::new(),
        }],
        basis: Some("Files 2d711642b726, lab ca978112ca1b, judge 1, python:3.12-slim 3e23e8160039".into()),
        log: log(),
        previous: Some("0198a7c2-7d1e-7c3a-9b1f-3f2a6c1d9f02".into()),
        live_session: None,
    }
}

/// Every page by the name of its file in the preview.
pub fn pages() -> Vec<(&'static str, String)> {
    let render = |page: &dyn DynRender| page.html();
    vec![
        (
            "sign-in",
            render(&SignInPage {
                shell: Shell::new("Sign in", None, Nav::Elsewhere),
                local: true,
                github_url: Some("/sign-in/github".into()),
                ..SignInPage::default()
            }),
        ),
        (
            "sign-in-error",
            render(&SignInPage {
                shell: Shell::new("Sign in", None, Nav::Elsewhere),
                local: true,
                name: "  ".into(),
                error: Some("Write a name of 1 to 40 characters.".into()),
                ..SignInPage::default()
            }),
        ),
        ("labs", render(&LabsPage { shell: shell("Labs", Nav::Labs), labs: labs() })),
        (
            "lab",
            render(&lab_page(StartChoice::Resume {
                session: SESSION.into(),
                saved_at: at(20),
                files: [
                    "Dockerfile",
                    "app.py",
                    "notes.txt",
                    "requirements.txt",
                    "src/a.py",
                    "src/b.py",
                    "src/c.py",
                ]
                .map(str::to_owned)
                .to_vec(),
            })),
        ),
        ("lab-fresh", render(&LabPage { attempts: Vec::new(), ..lab_page(StartChoice::Fresh) })),
        ("solution", render(&solution())),
        (
            "lab-active",
            render(&lab_page(StartChoice::Active {
                session: SESSION.into(),
                sentence: "Your sandbox is up, with everything as you left it.".into(),
            })),
        ),
        ("session", render(&session(Stage::Ready))),
        ("session-requested", render(&session(Stage::Requested))),
        (
            "session-in-line",
            render(&session(Stage::InLine { place: 3, wait: Some(std::time::Duration::from_secs(400)) })),
        ),
        (
            "session-preparing",
            render(&session(Stage::Preparing { detail: "Starting your Docker engine".into() })),
        ),
        (
            "session-ended",
            render(&session(Stage::Ended {
                code: "expired".into(),
                sentence: "Its 30 minutes were up. Your files are as you last saved them.".into(),
                resumable: true,
            })),
        ),
        (
            "attempts",
            render(&AttemptsPage { shell: shell("My attempts", Nav::Attempts), attempts: attempts() }),
        ),
        (
            "attempts-empty",
            render(&AttemptsPage { shell: shell("My attempts", Nav::Attempts), attempts: Vec::new() }),
        ),
        ("attempt", render(&attempt_page())),
        (
            "attempt-pending",
            render(&AttemptPage {
                attempt: attempts().remove(0),
                verdict: None,
                log: LogPartial::default(),
                ..attempt_page()
            }),
        ),
        (
            "error",
            render(&ErrorPage {
                shell: shell("No such lab", Nav::Elsewhere),
                status: 404,
                title: "No such lab".into(),
                sentence: "There is no lab “lab9” in this installation.".into(),
                mend: Some("Choose one from the list; the address may be from an older version.".into()),
                request_id: "0198a7c2-7d1e-7c3a-9b1f-3f2a6c1d0000".into(),
                link: None,
            }),
        ),
    ]
}

/// [`Template`] behind a reference.
pub trait DynRender {
    /// The page's HTML.
    fn html(&self) -> String;
}

impl<T: Template> DynRender for T {
    fn html(&self) -> String {
        self.render().expect("the template renders")
    }
}
