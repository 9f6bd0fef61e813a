//! Checks about images and containers: what has to be done for them, and what made-up observations mean.

use super::dynamic::{answered, built, carry_out, codes, good, statuses};
use super::{lab_with, project};
use crate::judge::{
    Action, ContainerSpec, ContainerState, DifferenceObserved, EndedObserved, ImageConfigObserved,
    ImageObserved, LayerHit, LayersObserved, LogsObserved, MemoryObserved, Observed, Plan, RunObserved,
    StoppedObserved,
};
use crate::verdict::{CheckStatus, Verdict};

const DOCKERFILE: &str = "FROM python:3.13-slim\nARG TOKEN\nENV KEY=\"a b\"\nCOPY . /app\nRUN make && \\\n    rm x\nUSER app\nCMD python app.py\n";

const HTTP: &str = "[[checks]]\ntype = \"http\"\nport = 8000\npath = \"/\"\nenv = { MODE = \"test\" }\n";

fn judge(check: &str, see: impl Fn(&Action) -> Observed) -> Verdict {
    carry_out(&lab_with(check), &project(DOCKERFILE), see)
}

fn exited(code: i64) -> ContainerState {
    ContainerState::Exited { code, out_of_memory: false }
}

fn line(verdict: &Verdict) -> Option<u32> {
    verdict.failures.first()?.place.as_ref()?.line
}

fn config(config: ImageConfigObserved) -> impl Fn(&Action) -> Observed {
    move |action| match action {
        Action::InspectImage => {
            Observed::Image(ImageObserved { config: config.clone(), ..ImageObserved::default() })
        }
        other => good(other),
    }
}

#[test]
fn an_images_settings_are_judged_whoever_made_them() {
    let check = "[[checks]]\ntype = \"image_config\"\nuser = \"non-root\"\nports = [8000]\nlabels = { a = \"*\", b = \"/^x/\" }\n\
                 entrypoint = [\"/app\"]\nworkdir = \"/app\"\nenv = { PORT = \"8000\" }\nabsent_env = [\"KEY\"]\n";
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let right = ImageConfigObserved {
        user: "app:app".to_owned(),
        ports: vec!["8000/tcp".to_owned()],
        labels: pairs(&[("a", ""), ("b", "xy")]),
        entrypoint: vec!["/app".to_owned()],
        cmd: Vec::new(),
        workdir: "/app/".to_owned(),
        env: pairs(&[("PORT", "8000")]),
    };
    assert!(judge(check, config(right.clone())).passed);
    let wrong = ImageConfigObserved { env: pairs(&[("KEY", "s")]), ..ImageConfigObserved::default() };
    let verdict = judge(check, config(wrong));
    assert_eq!(
        codes(&verdict),
        [
            "image_user_root",
            "image_port_missing",
            "image_label_missing",
            "image_label_missing",
            "image_entry_wrong",
            "image_workdir_wrong",
            "image_env_missing",
            "image_env_secret"
        ]
    );
    assert_eq!(line(&verdict), Some(7), "the USER");
    assert_eq!(
        verdict.failures[1].place.as_ref().and_then(|place| place.line),
        Some(1),
        "the stage lacks one"
    );
    let named = check.replace("non-root", "web");
    assert_eq!(codes(&judge(&named, config(right))), ["image_user_wrong"]);
}

#[test]
fn what_a_layer_holds_is_told_with_the_instruction_that_brought_it() {
    let check = "[[checks]]\ntype = \"image_lacks\"\npaths = [\"**/.env\"]\ntexts = [\"s3cr3t-value\"]\n";
    assert!(judge(check, good).passed);
    let hit = |created_by: &str, path: &str, text: Option<&str>| LayerHit {
        created_by: created_by.to_owned(),
        path: path.to_owned(),
        text: text.map(str::to_owned),
    };
    let verdict = judge(check, |action| match action {
        Action::ReadLayers { paths, texts } => {
            assert_eq!((paths.len(), texts.len()), (1, 1));
            Observed::Layers(LayersObserved {
                files: vec![hit("COPY . /app # buildkit", "app/.env", None)],
                texts: vec![hit(
                    "RUN |1 TOKEN=x /bin/sh -c make &&     rm x # buildkit",
                    "app/out",
                    Some("s3cr3t-value"),
                )],
            })
        }
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["file_in_layer", "text_in_layer"]);
    assert_eq!(line(&verdict), Some(4));
    assert_eq!(verdict.failures[1].place.as_ref().and_then(|place| place.line), Some(5));
    assert!(verdict.failures[0].message.contains("/app/.env"));
    assert!(!verdict.failures[1].message.contains("s3cr3t-value"), "the secret is not repeated");
    let in_history = judge(check, |action| match action {
        Action::InspectImage => Observed::Image(ImageObserved {
            history: vec![(1, "RUN |1 TOKEN=s3cr3t-value /bin/sh -c make && rm x # buildkit".to_owned())],
            ..ImageObserved::default()
        }),
        other => good(other),
    });
    assert_eq!(codes(&in_history), ["text_in_layer"]);
}

#[test]
fn a_task_is_judged_by_its_end() {
    let check = "[[checks]]\ntype = \"exit_code\"\ncommand = [\"--version\"]\nequals = 3\noutput_contains = \"1.2\"\n";
    for (state, log, code) in [
        (exited(3), "v1.2", None),
        (exited(0), "v1.2", Some("exit_code_wrong")),
        (exited(3), "v2", Some("output_wrong")),
        (ContainerState::Running, "", Some("container_did_not_exit")),
        (ContainerState::NotStarted { error: "no".into() }, "", Some("exit_code_wrong")),
    ] {
        let verdict = judge(check, |action| match action {
            Action::RunToEnd { container, .. } => {
                assert_eq!(container.command, ["--version"]);
                Observed::Ended(EndedObserved { state: state.clone(), log: log.to_owned() })
            }
            other => good(other),
        });
        assert_eq!(codes(&verdict).first().copied(), code, "{state:?}");
    }
}

#[test]
fn a_container_that_ignores_sigterm_is_told_and_one_that_crashed_is_told_once() {
    let check = format!("{HTTP}[[checks]]\ntype = \"stops\"\nexit_code = 0\n");
    assert!(judge(&check, good).passed);
    let stopped = |killed, exit_code, before: ContainerState| {
        move |action: &Action| match action {
            Action::Stop { within_seconds: 5, .. } => Observed::Stopped(StoppedObserved {
                before: before.clone(),
                killed,
                exit_code,
                after_seconds: if killed { 5.2 } else { 0.2 },
                log: String::new(),
            }),
            other => good(other),
        }
    };
    let verdict = judge(&check, stopped(true, 137, ContainerState::Running));
    assert_eq!((codes(&verdict), line(&verdict)), (vec!["sigterm_ignored"], Some(8)));
    assert_eq!(codes(&judge(&check, stopped(false, 143, ContainerState::Running))), ["stop_exit_code_wrong"]);
    let crashed = judge(&check, |action| match action {
        Action::Http { .. } => match answered(0, "") {
            Observed::Http(seen) => {
                Observed::Http(crate::judge::HttpObserved { response: None, container: exited(1), ..seen })
            }
            other => other,
        },
        other => stopped(false, 1, exited(1))(other),
    });
    assert_eq!(codes(&crashed), ["docker_run_failed"], "{crashed:?}");
}

#[test]
fn a_special_container_is_only_blamed_when_a_plain_one_works() {
    for (kind, code) in [("read_only_root", "read_only_fails"), ("drops_capabilities", "capabilities_needed")]
    {
        let check = format!("{HTTP}[[checks]]\ntype = \"{kind}\"\nport = 8000\npath = \"/\"\n");
        let lab = lab_with(&check);
        let plan = Plan::for_lab(&lab, &project(DOCKERFILE));
        let specs: Vec<&ContainerSpec> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Run { container, settle } => {
                    assert!(!settle, "somebody watches it");
                    Some(container)
                }
                _ => None,
            })
            .collect();
        assert_eq!(specs.len(), 2);
        assert!(specs[1].read_only || specs[1].bare);
        assert_eq!(specs[1].env["MODE"], "test", "the app gets what it gets in the http check");
        assert!(judge(&check, good).passed);
        let dies = |action: &Action| match action {
            Action::Run { container, .. } if container.read_only || container.bare => {
                Observed::Run(RunObserved { state: exited(1), log: "Read-only file system".into() })
            }
            other => good(other),
        };
        let verdict = judge(&check, dies);
        assert_eq!(codes(&verdict), [code]);
        assert_eq!(verdict.failures[0].log.as_deref(), Some("Read-only file system"));
        let broken = judge(&check, |action| match action {
            Action::Http { .. } => answered(500, ""),
            other => good(other),
        });
        assert_eq!(codes(&broken), ["healthcheck_failed"]);
        assert_eq!(statuses(&broken), [CheckStatus::Failed, CheckStatus::Skipped]);
    }
}

#[test]
fn output_is_read_after_the_requests_before_it() {
    let check = format!(
        "{HTTP}[[checks]]\ntype = \"logs\"\ncontains = \"GET /\"\nmatches = \"^ready\"\nabsent = \"Traceback\"\n"
    );
    let plan = Plan::for_lab(&lab_with(&check), &project(DOCKERFILE));
    let logs = plan.steps.iter().find(|step| matches!(step.action, Action::Logs { .. })).expect("a step");
    assert_eq!(logs.after.len(), 1);
    let printed = |log: &str| {
        let log = log.to_owned();
        move |action: &Action| match action {
            Action::Logs { .. } => {
                Observed::Logs(LogsObserved { log: log.clone(), container: ContainerState::Running })
            }
            other => good(other),
        }
    };
    assert!(judge(&check, printed("ready\nGET / 200")).passed);
    assert_eq!(codes(&judge(&check, printed("ready"))), ["log_line_missing"]);
    let both = judge(&check, printed("Traceback (most recent call last)"));
    assert_eq!(codes(&both), ["log_line_missing", "log_line_forbidden"]);
    assert!(both.failures[1].message.contains("Traceback (most recent"));
}

#[test]
fn memory_context_and_time_are_held_against_their_limits() {
    let check = format!("{HTTP}[[checks]]\ntype = \"memory\"\nmax_mb = 50\n");
    assert!(judge(&check, good).passed);
    let verdict = judge(&check, |action| match action {
        Action::Memory { .. } => Observed::Memory(MemoryObserved {
            resident_bytes: 51_000_000,
            processes: 3,
            container: ContainerState::Running,
        }),
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["memory_too_high"]);
    let small = "[[checks]]\ntype = \"context_size\"\nmax_kb = 0\n";
    let verdict = judge(small, good);
    assert_eq!(codes(&verdict), ["context_too_large"]);
    assert!(verdict.failures[0].log.as_ref().is_some_and(|log| log.contains("Dockerfile")));
    // Each step of these judgements takes two seconds.
    for again in ["", "again = true\n"] {
        let time = |max: u32| format!("[[checks]]\ntype = \"build_time\"\nmax_seconds = {max}\n{again}");
        assert!(judge(&time(2), good).passed);
        let slow = |action: &Action| match action {
            Action::Build { .. } | Action::Rebuild { .. } => built("#5 [2/5] COPY . /app\n#5 DONE 1.9s\n"),
            other => good(other),
        };
        let verdict = judge(&time(1), slow);
        assert_eq!((codes(&verdict), line(&verdict)), (vec!["build_too_slow"], Some(4)));
    }
}

#[test]
fn what_is_stored_must_outlive_its_container() {
    let check = format!(
        "{HTTP}[[checks]]\ntype = \"restart_keeps\"\nport = 8000\nvolume = \"/data\"\nwrite = {{ path = \"/notes\", body = \"hi\" }}\n\
         read = {{ path = \"/notes\", body_contains = \"hi\" }}\n"
    );
    let answers = |written: u16, at_once: &'static str, later: &'static str| {
        move |action: &Action| match action {
            Action::Http { expect, .. } if expect.request_body.is_some() => answered(written, ""),
            Action::Http { expect, run, .. } if expect.path == "/notes" => {
                answered(200, if run.0.starts_with("run anew") { later } else { at_once })
            }
            other => good(other),
        }
    };
    assert!(judge(&check, answers(201, "hi", "hi")).passed);
    for (written, at_once, later, code, said) in [
        (500, "", "", "data_not_stored", "could not be stored"),
        (201, "", "", "data_not_stored", "even at once"),
        (201, "hi", "", "data_lost", "gone after its container was removed"),
    ] {
        let verdict = judge(&check, answers(written, at_once, later));
        assert_eq!(codes(&verdict), [code]);
        assert!(verdict.failures[0].message.contains(said), "{}", verdict.failures[0].message);
    }
}

#[test]
fn two_builds_must_make_the_same_files() {
    let check = "[[checks]]\ntype = \"reproducible\"\n";
    assert!(judge(check, good).passed);
    let verdict = judge(check, |action| match action {
        Action::CompareImages { ignore } => {
            assert!(ignore.contains(&"**/*.pyc".to_owned()));
            let created_by = "RUN /bin/sh -c make &&     rm x # buildkit".to_owned();
            let path = LayerHit { created_by, path: "app/version".to_owned(), text: None };
            Observed::Difference(DifferenceObserved { paths: vec![path], count: 1 })
        }
        other => good(other),
    });
    assert_eq!((codes(&verdict), line(&verdict)), (vec!["not_reproducible"], Some(5)));
}

#[test]
fn a_container_that_nobody_watches_settles_first() {
    let settles = |check: &str| {
        let plan = Plan::for_lab(&lab_with(check), &project(DOCKERFILE));
        plan.steps.iter().any(|step| matches!(step.action, Action::Run { settle: true, .. }))
    };
    assert!(settles("[[checks]]\ntype = \"stops\"\n"));
    assert!(!settles(HTTP));
}
