//! From observations to a verdict.

use super::{lab_with, project};
use crate::judge::progress::BuildReport;
use crate::judge::{
    Action, BuildObserved, ContainerState, DifferenceObserved, EndedObserved, HealthObserved, HttpObserved,
    HttpResponse, ImageObserved, LayersObserved, LogsObserved, MemoryObserved, Observation, Observed, Plan,
    RunObserved, ScriptObserved, StoppedObserved, evaluate,
};
use crate::lab::{Lab, LabFiles};
use crate::verdict::{CheckStatus, Verdict, VerdictStatus};

const CHECKS: &str = "[[checks]]\ntype = \"build\"\n[[checks]]\ntype = \"build_cache\"\necosystem = \"pip\"\ntouch = [\"app/main.py\"]\n\
    [[checks]]\ntype = \"image_size\"\nmax_mb = 250\n[[checks]]\ntype = \"http\"\nport = 8000\npath = \"/health\"\n\
    json = { pointer = \"/status\", equals = \"ok\" }\n[[checks]]\ntype = \"health\"\n";

const DOCKERFILE: &str =
    "FROM python:3.13-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n";

/// The output of a build of `DOCKERFILE` whose install step was cached or not.
fn output(install: &str) -> String {
    format!(
        "#4 [1/4] FROM docker.io/library/python:3.13-slim\n#4 CACHED\n\n#5 [2/4] COPY requirements.txt .\n#5 CACHED\n\n\
         #6 [3/4] RUN pip install -r requirements.txt\n#6 {install}\n\n#7 [4/4] COPY . .\n#7 DONE 0.1s\n"
    )
}

pub(super) fn built(output: &str) -> Observed {
    Observed::Build(BuildObserved { exit_code: Some(0), timed_out: false, report: BuildReport::read(output) })
}

pub(super) fn answered(status: u16, body: &str) -> Observed {
    Observed::Http(HttpObserved {
        response: Some(HttpResponse { status, headers: Default::default(), body: body.to_owned() }),
        error: None,
        after_seconds: 1.5,
        container: ContainerState::Running,
        listens: Vec::new(),
        log: String::new(),
    })
}

pub(super) fn health(status: &str, after_seconds: f64) -> Observed {
    Observed::Health(HealthObserved {
        status: status.to_owned(),
        log: String::new(),
        after_seconds,
        container: ContainerState::Running,
        container_log: String::new(),
    })
}

/// What a right solution shows at each step.
pub(super) fn good(action: &Action) -> Observed {
    match action {
        Action::Build { .. } => built(&output("DONE 2.5s")),
        Action::Rebuild { .. } => built(&output("CACHED")),
        Action::InspectImage => {
            Observed::Image(ImageObserved { size_bytes: 150_000_000, layers: 5, ..ImageObserved::default() })
        }
        Action::Run { .. } | Action::RunAnew { .. } => running(),
        Action::Http { .. } => answered(200, "{\"status\":\"ok\"}"),
        Action::Health { .. } => health("healthy", 3.0),
        Action::BuildAnew { .. } => built(&output("DONE 2.5s")),
        Action::CompareImages { .. } => Observed::Difference(DifferenceObserved::default()),
        Action::ReadLayers { .. } => Observed::Layers(LayersObserved::default()),
        Action::RunToEnd { .. } => Observed::Ended(EndedObserved {
            state: ContainerState::Exited { code: 0, out_of_memory: false },
            log: String::new(),
        }),
        Action::Stop { .. } => Observed::Stopped(StoppedObserved {
            before: ContainerState::Running,
            killed: false,
            exit_code: 0,
            after_seconds: 0.3,
            log: String::new(),
        }),
        Action::Logs { .. } => {
            Observed::Logs(LogsObserved { log: String::new(), container: ContainerState::Running })
        }
        Action::ComposeConfig => super::compose::config(super::compose::PROJECT),
        Action::LookAtSession => Observed::Session(Default::default()),
        Action::ComposeBuild { .. } => built(""),
        Action::ComposeUp { .. } | Action::ComposeLook | Action::ComposeAnew { .. } => {
            super::compose::up(&["web", "db"])
        }
        Action::ServiceHttp { .. } => answered(200, "{\"status\":\"ok\"}"),
        Action::Reach { within_seconds, .. } => super::compose::reach(*within_seconds > 0),
        Action::Script { .. } => {
            Observed::Script(ScriptObserved { exit_code: Some(0), output: String::new(), container: None })
        }
        Action::Memory { .. } => Observed::Memory(MemoryObserved {
            resident_bytes: 40_000_000,
            processes: 2,
            container: ContainerState::Running,
        }),
    }
}

pub(super) fn running() -> Observed {
    Observed::Run(RunObserved { state: ContainerState::Running, log: String::new() })
}

/// Carries a plan out as the runner does: a step whose needs went wrong is not done.
pub(super) fn carry_out(lab: &Lab, files: &LabFiles, see: impl Fn(&Action) -> Observed) -> Verdict {
    let plan = Plan::for_lab(lab, files);
    let mut observations: Vec<Observation> = Vec::new();
    for step in &plan.steps {
        let ready = step
            .needs
            .iter()
            .all(|need| observations.iter().any(|seen| seen.step == *need && seen.observed.lets_go_on()));
        let observed = if ready { see(&step.action) } else { Observed::NotDone };
        observations.push(Observation { step: step.id.clone(), seconds: 2.0, observed });
    }
    evaluate(lab, files, &plan, &observations)
}

fn judged(see: impl Fn(&Action) -> Observed) -> Verdict {
    carry_out(&lab_with(CHECKS), &project(DOCKERFILE), see)
}

pub(super) fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict.failures.iter().map(|finding| finding.code.as_str()).collect()
}

pub(super) fn statuses(verdict: &Verdict) -> Vec<CheckStatus> {
    verdict.checks.iter().map(|check| check.status).collect()
}

use CheckStatus::{Failed, Passed, Skipped};

#[test]
fn a_right_solution_passes_with_its_figures() {
    let verdict = judged(good);
    assert!(verdict.passed, "{verdict:?}");
    assert_eq!(verdict.status, VerdictStatus::Passed);
    assert_eq!(verdict.metrics["image_bytes"], 150e6);
    assert_eq!(verdict.metrics["rebuild_cached_steps"], 3.0);
    assert_eq!(verdict.metrics["start_seconds"], 1.5);
}

#[test]
fn a_failed_build_is_one_finding_and_skips_what_needs_it() {
    let verdict = judged(|action| match action {
        Action::Build { .. } => Observed::Build(BuildObserved {
            exit_code: Some(1),
            timed_out: false,
            report: BuildReport::read(&format!(
                "{}------\nERROR: failed to solve: process \"x\" did not complete successfully: exit code: 1\n",
                output(
                    "1.5 ERROR: Could not find a version that satisfies the requirement flsk\n#6 ERROR: process \"x\" did not complete successfully: exit code: 1"
                )
            )),
        }),
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["docker_build_failed"]);
    assert_eq!(statuses(&verdict), [Failed, Skipped, Skipped, Skipped, Skipped]);
    let finding = &verdict.failures[0];
    assert_eq!(finding.place.as_ref().and_then(|place| place.line), Some(3));
    assert!(finding.message.contains("RUN pip install"), "{}", finding.message);
    assert!(finding.hint.contains("no such package"), "{}", finding.hint);
    assert!(finding.log.as_ref().is_some_and(|log| log.contains("flsk")));
}

#[test]
fn a_build_that_never_ends_says_where_it_hung() {
    let verdict = judged(|action| match action {
        Action::Build { .. } => Observed::Build(BuildObserved {
            exit_code: None,
            timed_out: true,
            report: BuildReport::read("#6 [3/4] RUN pip install -r requirements.txt\n#6 1.0 waiting\n"),
        }),
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["docker_build_failed"]);
    assert!(verdict.failures[0].message.contains("240 seconds"), "{}", verdict.failures[0].message);
    assert_eq!(verdict.failures[0].place.as_ref().and_then(|place| place.line), Some(3));
}

#[test]
fn an_install_that_runs_again_after_an_edit_is_found() {
    let verdict = judged(|action| match action {
        Action::Rebuild { .. } => built(&output("DONE 2.5s")),
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["cache_not_used"]);
    let finding = &verdict.failures[0];
    assert_eq!(finding.place.as_ref().and_then(|place| place.line), Some(3));
    assert!(finding.log.as_ref().is_some_and(|log| log.contains("ran    RUN pip install")), "{finding:?}");
}

#[test]
fn a_file_that_the_learner_renamed_is_replaced_by_another_source_file() {
    let lab = lab_with(CHECKS);
    let mut files = project(DOCKERFILE);
    files.remove("app/main.py");
    files.insert("app/web.py".into(), b"x".to_vec());
    let touched: Vec<Vec<String>> = Plan::for_lab(&lab, &files)
        .steps
        .into_iter()
        .filter_map(|step| match step.action {
            Action::Rebuild { touch, .. } => Some(touch),
            _ => None,
        })
        .collect();
    assert_eq!(touched, [["app/web.py"]]);
    assert!(carry_out(&lab, &files, good).passed);
}

#[test]
fn an_image_over_the_limit_shows_its_heaviest_layers() {
    let verdict = judged(|action| match action {
        Action::InspectImage => Observed::Image(ImageObserved {
            size_bytes: 250_000_001,
            layers: 3,
            history: vec![
                (120_000_000, "FROM".into()),
                (10, "ENV".into()),
                (130_000_000, "RUN apt-get".into()),
            ],
            ..ImageObserved::default()
        }),
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["image_too_large"]);
    assert!(verdict.failures[0].log.as_ref().is_some_and(|log| log.starts_with(" 130.0 MB  RUN apt-get")));
    let at_the_limit = judged(|action| match action {
        Action::InspectImage => {
            Observed::Image(ImageObserved { size_bytes: 250_000_000, layers: 3, ..ImageObserved::default() })
        }
        other => good(other),
    });
    assert!(at_the_limit.passed);
}

#[test]
fn a_container_that_does_not_stay_up_is_told_by_one_check_only() {
    for (state, word) in [
        (ContainerState::Exited { code: 3, out_of_memory: false }, "exit code 3"),
        (ContainerState::Exited { code: 0, out_of_memory: false }, "without an error"),
        (ContainerState::Exited { code: 137, out_of_memory: true }, "memory"),
        (
            ContainerState::NotStarted {
                error: "failed: runc create failed: unable to start container process: exec: \"x\": executable file not found in $PATH: unknown".into(),
            },
            "started: exec: \"x\": executable file not found in $PATH.",
        ),
    ] {
        let verdict = judged(|action| match action {
            Action::Run { .. } => Observed::Run(RunObserved { state: state.clone(), log: "boom".into() }),
            other => good(other),
        });
        assert_eq!(codes(&verdict), ["docker_run_failed"]);
        assert_eq!(statuses(&verdict), [Passed, Passed, Passed, Failed, Skipped]);
        assert!(verdict.failures[0].message.contains(word), "{}", verdict.failures[0].message);
        assert_eq!(verdict.failures[0].log.as_deref(), Some("boom"));
    }
}

#[test]
fn wrong_answers_over_http_say_what_is_wrong() {
    for (status, body, word) in [
        (500, "", "status 500"),
        (200, "fine", "no JSON"),
        (200, "{\"status\":\"ill\"}", "\"ill\" in place of \"ok\""),
        (200, "{}", "nothing at /status"),
    ] {
        let verdict = judged(|action| match action {
            Action::Http { .. } => answered(status, body),
            other => good(other),
        });
        assert_eq!(codes(&verdict), ["healthcheck_failed"]);
        assert!(verdict.failures[0].message.contains(word), "{}", verdict.failures[0].message);
    }
}

#[test]
fn silence_a_late_answer_and_a_crash_while_asking_are_told_apart() {
    let silent = |container: ContainerState| {
        move |action: &Action| match action {
            Action::Http { .. } => Observed::Http(HttpObserved {
                response: None,
                error: Some("connection refused".into()),
                after_seconds: 15.0,
                container: container.clone(),
                listens: vec!["127.0.0.1:8000".into()],
                log: "Listening at: http://127.0.0.1:8000".into(),
            }),
            other => good(other),
        }
    };
    let verdict = judged(silent(ContainerState::Running));
    assert_eq!(codes(&verdict), ["healthcheck_failed"]);
    assert!(verdict.failures[0].message.contains("listens on 127.0.0.1:8000 only"));
    assert!(verdict.failures[0].hint.contains("0.0.0.0"));
    let verdict = judged(silent(ContainerState::Exited { code: 1, out_of_memory: false }));
    assert_eq!(codes(&verdict), ["docker_run_failed"]);
    let verdict = judged(|action| match (action, good(action)) {
        (Action::Http { .. }, Observed::Http(seen)) => {
            Observed::Http(HttpObserved { after_seconds: 60.0, ..seen })
        }
        (_, other) => other,
    });
    assert_eq!(codes(&verdict), ["healthcheck_failed"]);
    assert!(verdict.failures[0].message.contains("after 60 seconds"));
}

#[test]
fn health_is_judged_by_what_docker_says() {
    for (status, code) in [
        ("none", "health_status_missing"),
        ("unhealthy", "health_status_unhealthy"),
        ("starting", "health_status_unhealthy"),
    ] {
        let verdict = judged(|action| match action {
            Action::Health { .. } => health(status, 30.0),
            other => good(other),
        });
        assert_eq!(codes(&verdict), [code]);
    }
}

#[test]
fn faults_of_the_platform_never_count_against_the_learner() {
    let fault = judged(|action| match action {
        Action::InspectImage => Observed::Fault { message: "the engine is gone".into() },
        other => good(other),
    });
    assert_eq!((fault.passed, fault.status), (false, VerdictStatus::Inconclusive));
    assert!(fault.failures[0].message.contains("the engine is gone"));

    let lab = lab_with(CHECKS);
    let files = project(DOCKERFILE);
    let plan = Plan::for_lab(&lab, &files);
    assert_eq!(
        evaluate(&lab, &files, &plan, &[]).status,
        VerdictStatus::Inconclusive,
        "a step without a result"
    );

    let failing = |command: &str, text: &str| {
        let text = format!("#6 [3/4] RUN {command}\n{text}");
        judged(move |action| match action {
            Action::Build { .. } => Observed::Build(BuildObserved {
                exit_code: Some(1),
                timed_out: false,
                report: BuildReport::read(&text),
            }),
            other => good(other),
        })
        .status
    };
    let pip = "pip install -r requirements.txt";
    for (command, text, status) in [
        (
            pip,
            "#6 1.0 Max retries exceeded (Temporary failure in name resolution)\n#6 ERROR: exit code: 1",
            VerdictStatus::Inconclusive,
        ),
        (
            pip,
            "#6 1.0 ERROR: No matching distribution found for flsk\n#6 ERROR: exit code: 1",
            VerdictStatus::Failed,
        ),
        (
            "pip install --index-url https://packages.example/ flask",
            "#6 1.0 Max retries exceeded (Temporary failure in name resolution)\n#6 ERROR: exit code: 1",
            VerdictStatus::Failed,
        ),
        (
            "curl https://my-own-server.example",
            "#6 1.0 Could not resolve host: my-own-server.example\n#6 ERROR: exit code: 6",
            VerdictStatus::Failed,
        ),
        (
            pip,
            "#6 ERROR: docker.io/library/python:3.13-slim: failed to resolve source metadata: no such host",
            VerdictStatus::Inconclusive,
        ),
        (
            "true",
            "#6 ERROR: docker.io/library/python:3.13-slimm: failed to resolve source metadata: no such host",
            VerdictStatus::Failed,
        ),
    ] {
        assert_eq!(failing(command, text), status, "{command}: {text}");
    }
}

#[test]
fn an_unbuildable_attempt_needs_no_engine() {
    let lab = lab_with(CHECKS);
    let files = project("FROM a\nRUNN x\n");
    let verdict = carry_out(&lab, &files, good);
    assert_eq!(codes(&verdict), ["dockerfile_invalid"]);
    assert_eq!(statuses(&verdict), [Failed, Skipped, Skipped, Skipped, Skipped]);
}

#[test]
fn a_verdict_keeps_the_originals_shape() {
    let verdict = judged(|action| match action {
        Action::Http { .. } => answered(500, ""),
        other => good(other),
    });
    let json = serde_json::to_value(&verdict).expect("a verdict is JSON");
    assert_eq!(json["passed"], false);
    for key in ["code", "message", "hint"] {
        assert!(json["failures"][0][key].is_string(), "{key}");
    }
    assert!(json["metrics"].is_object() && json["notes"].is_array());
    assert_eq!(serde_json::from_value::<Verdict>(json).expect("and back"), verdict);
}

#[test]
fn a_plan_and_its_observations_survive_the_way_through_json() {
    let lab = lab_with(CHECKS);
    let plan = Plan::for_lab(&lab, &project(DOCKERFILE));
    let text = serde_json::to_string(&plan).expect("a plan is JSON");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("and back"), plan);
    for step in &plan.steps {
        let seen = Observation { step: step.id.clone(), seconds: 0.5, observed: good(&step.action) };
        let text = serde_json::to_string(&seen).expect("an observation is JSON");
        assert_eq!(serde_json::from_str::<Observation>(&text).expect("and back"), seen);
    }
}
