//! Checks about compose projects, and the lab's own scripts.

use super::dynamic::{answered, carry_out, codes, good, statuses};
use super::{lab_with, project, workspace};
use crate::judge::{
    Action, ComposeConfigObserved, ComposeObserved, ContainerState, HttpObserved, Observed, Plan,
    ReachObserved, ScriptObserved, ScriptPlace, ServiceObserved,
};
use crate::lab::LabFiles;
use crate::verdict::{CheckStatus, Verdict};

const FILE: &str = "services:\n  web:\n    build: .\n    ports: [\"8080:8000\"]\n  db:\n    image: postgres:17\n    ports:\n      - \"5432:5432\"\n";

/// What Docker makes of a project in which everything is as it should be.
pub(super) const PROJECT: &str = r#"{"services": {
    "web": {"user": "app", "read_only": true, "cap_drop": ["all"], "security_opt": ["no-new-privileges=true"],
        "deploy": {"resources": {"limits": {"memory": "268435456"}}}, "restart": "unless-stopped",
        "depends_on": {"db": {"condition": "service_healthy"}}},
    "db": {"volumes": [{"type": "volume", "source": "data", "target": "/var/lib/postgresql/data/"}]}}}"#;

fn files() -> LabFiles {
    workspace(&[("compose.yaml", FILE), ("web/Dockerfile", "FROM a\nRUN make it\n")])
}

pub(super) fn config(text: &str) -> Observed {
    let config = serde_json::from_str(text).expect("JSON");
    Observed::ComposeConfig(ComposeConfigObserved { config: Some(config), error: String::new() })
}

fn service(name: &str, state: ContainerState, health: &str) -> ServiceObserved {
    ServiceObserved {
        service: name.to_owned(),
        state,
        restarts: 0,
        health: health.to_owned(),
        user: "app".to_owned(),
        log: String::new(),
    }
}

pub(super) fn up(services: &[&str]) -> Observed {
    Observed::Compose(ComposeObserved {
        started: true,
        services: services.iter().map(|name| service(name, ContainerState::Running, "none")).collect(),
        ..ComposeObserved::default()
    })
}

pub(super) fn reach(connects: bool) -> Observed {
    Observed::Reach(ReachObserved {
        resolves: true,
        connects,
        connects_by_address: connects,
        published: None,
        listens: Vec::new(),
    })
}

fn judge(check: &str, see: impl Fn(&Action) -> Observed) -> Verdict {
    carry_out(&lab_with(check), &files(), see)
}

fn line(verdict: &Verdict) -> Option<u32> {
    verdict.failures.first()?.place.as_ref()?.line
}

#[test]
fn a_compose_file_that_is_missing_or_wrong_is_told_with_its_line() {
    let check =
        "[[checks]]\ntype = \"compose_valid\"\n[[checks]]\ntype = \"compose_up\"\nservices = [\"web\"]\n";
    assert!(judge(check, good).passed);
    let none = carry_out(&lab_with(check), &project("FROM a\n"), good);
    assert_eq!(codes(&none), ["compose_missing"]);
    let wrong = judge(check, |action| match action {
        Action::ComposeConfig => Observed::ComposeConfig(ComposeConfigObserved {
            config: None,
            error: "yaml: line 3: mapping values are not allowed in this context\n".to_owned(),
        }),
        other => good(other),
    });
    assert_eq!((codes(&wrong), line(&wrong)), (vec!["compose_invalid"], Some(3)));
    assert_eq!(statuses(&wrong), [CheckStatus::Failed, CheckStatus::Skipped]);
}

#[test]
fn services_are_judged_one_by_one() {
    let check = "[[checks]]\ntype = \"compose_up\"\nservices = [\"web\", \"db\", \"cache\"]\nhealthy = true\nwithin_seconds = 90\n";
    let plan = Plan::for_lab(&lab_with(check), &files());
    assert!(
        plan.steps
            .iter()
            .any(|step| matches!(step.action, Action::ComposeUp { within_seconds: 90, healthy: true }))
    );
    let verdict = judge(check, |action| match action {
        Action::ComposeUp { .. } | Action::ComposeLook => Observed::Compose(ComposeObserved {
            started: true,
            services: vec![
                service("web", ContainerState::Exited { code: 3, out_of_memory: false }, "none"),
                service("db", ContainerState::Running, "unhealthy"),
            ],
            ..ComposeObserved::default()
        }),
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["service_missing", "service_not_running", "service_unhealthy"]);
    assert!(verdict.failures[1].message.contains("exit code 3"));
    assert_eq!(verdict.failures[2].place.as_ref().and_then(|place| place.line), Some(5));
}

#[test]
fn a_failed_build_of_a_service_is_shown_where_it_stands() {
    let check = "[[checks]]\ntype = \"compose_up\"\nservices = [\"web\"]\n";
    let output = "#5 [web 2/2] RUN make it\n#5 0.2 make: no rule\n#5 ERROR: process \"make it\" did not complete successfully: exit code: 2\n";
    let verdict = judge(check, |action| match action {
        Action::ComposeBuild { .. } => Observed::Build(crate::judge::BuildObserved {
            exit_code: Some(1),
            timed_out: false,
            report: crate::judge::progress::BuildReport::read(output),
        }),
        other => good(other),
    });
    assert_eq!((codes(&verdict), line(&verdict)), (vec!["compose_up_failed"], Some(2)));
    assert_eq!(verdict.failures[0].place.as_ref().map(|place| place.file.as_str()), Some("web/Dockerfile"));
    assert!(verdict.failures[0].log.as_ref().is_some_and(|log| log.contains("no rule")));
}

#[test]
fn a_service_is_asked_within_its_network_or_from_outside() {
    for published in ["", "published = true\n"] {
        let check =
            format!("[[checks]]\ntype = \"http\"\nservice = \"web\"\nport = 8000\npath = \"/\"\n{published}");
        assert!(judge(&check, good).passed);
        let silent = judge(&check, |action| match (action, good(action)) {
            (Action::ServiceHttp { .. }, Observed::Http(seen)) => Observed::Http(HttpObserved {
                response: None,
                listens: vec!["127.0.0.1:8000".to_owned()],
                ..seen
            }),
            (_, other) => other,
        });
        assert_eq!(codes(&silent), ["service_unanswered"]);
        let wrong = judge(&check, |action| match action {
            Action::ServiceHttp { .. } => answered(500, ""),
            other => good(other),
        });
        assert_eq!(codes(&wrong), ["healthcheck_failed"]);
    }
}

#[test]
fn who_reaches_whom_is_judged_by_connections() {
    let reaches = "[[checks]]\ntype = \"reaches\"\nfrom = \"web\"\nto = \"db\"\nport = 5432\n";
    let isolated = "[[checks]]\ntype = \"isolated\"\nfrom = \"web\"\nto = \"db\"\nport = 5432\n";
    assert!(judge(reaches, good).passed && judge(isolated, good).passed);
    let seen = |change: fn(&mut ReachObserved)| {
        move |action: &Action| match (action, good(action)) {
            (Action::Reach { .. }, Observed::Reach(mut seen)) => {
                seen.connects = false;
                seen.connects_by_address = false;
                change(&mut seen);
                Observed::Reach(seen)
            }
            (_, other) => other,
        }
    };
    assert_eq!(codes(&judge(reaches, seen(|seen| seen.resolves = false))), ["name_not_found"]);
    assert_eq!(codes(&judge(reaches, seen(|_| {}))), ["not_reachable"]);
    assert_eq!(
        codes(&judge(isolated, seen(|seen| seen.connects_by_address = true))),
        ["reachable_but_should_not"]
    );
    let outside = isolated.replace("web", "outside");
    let published = judge(&outside, seen(|seen| seen.published = Some(5432)));
    assert_eq!((codes(&published), line(&published)), (vec!["reachable_but_should_not"], Some(7)));
    assert!(judge(&outside, seen(|_| {})).passed);
    assert_eq!(codes(&judge(&reaches.replace("web", "outside"), seen(|_| {}))), ["not_reachable"]);
}

#[test]
fn what_a_service_is_given_is_read_as_docker_reads_it() {
    let check = "[[checks]]\ntype = \"service_config\"\nservice = \"web\"\nuser = \"non-root\"\nread_only = true\ncap_drop = [\"ALL\"]\n\
                 no_new_privileges = true\nmemory_limit = true\nrestart = \"*\"\ndepends_on_healthy = \"db\"\nnot_published = 8000\n";
    let volume =
        "[[checks]]\ntype = \"service_config\"\nservice = \"db\"\nvolume_at = \"/var/lib/postgresql/data\"\n";
    assert!(judge(check, good).passed && judge(volume, good).passed);
    let bare = |action: &Action| match action {
        Action::ComposeConfig => config(
            r#"{"services": {"web": {"ports": [{"target": 8000, "published": "80"}], "depends_on": {"db": {"condition": "service_started"}}},
                "db": {"volumes": [{"type": "bind", "source": "/d", "target": "/var/lib/postgresql/data"}]}}}"#,
        ),
        Action::ComposeUp { .. } => match up(&["web", "db"]) {
            Observed::Compose(mut seen) => {
                seen.services[0].user = "0:0".to_owned();
                Observed::Compose(seen)
            }
            other => other,
        },
        other => good(other),
    };
    let verdict = judge(check, bare);
    assert_eq!(
        codes(&verdict),
        [
            "service_user_root",
            "service_root_writable",
            "service_capabilities",
            "service_privileges",
            "service_unlimited",
            "service_restart_missing",
            "service_port_published",
            "service_dependency_missing",
        ]
    );
    assert_eq!(verdict.failures[6].place.as_ref().and_then(|place| place.line), Some(4));
    assert_eq!(codes(&judge(volume, bare)), ["service_volume_missing"]);
}

#[test]
fn a_project_is_taken_down_when_nobody_asks_it_anything_any_more() {
    let check = "[[checks]]\ntype = \"compose_keeps\"\nservice = \"web\"\nport = 8000\nwrite = { path = \"/n\", body = \"hi\" }\n\
                 read = { path = \"/n\", body_contains = \"hi\" }\n\
                 [[checks]]\ntype = \"http\"\nservice = \"web\"\nport = 8000\npath = \"/\"\n";
    let plan = Plan::for_lab(&lab_with(check), &files());
    let anew =
        plan.steps.iter().find(|step| matches!(step.action, Action::ComposeAnew { .. })).expect("a step");
    assert_eq!(anew.after.len(), 3, "the write, the read and the other check's question: {:?}", anew.after);
    let answers = |text: &'static str| {
        move |action: &Action| match action {
            Action::ServiceHttp { expect, .. } if expect.path == "/" => answered(200, ""),
            Action::ServiceHttp { .. } => answered(200, text),
            other => good(other),
        }
    };
    assert!(judge(check, answers("hi")).passed);
    assert_eq!(codes(&judge(check, answers(""))), ["data_not_stored"]);
}

#[test]
fn what_is_said_of_data_is_what_happened() {
    let check = "[[checks]]\ntype = \"compose_keeps\"\nservice = \"web\"\nport = 8000\nwrite = { path = \"/n\", body = \"hi\" }\n\
                 read = { path = \"/n\", body_contains = \"hi\" }\n";
    let up_check = "[[checks]]\ntype = \"compose_up\"\nservices = [\"web\"]\n";
    let fallen = || {
        let web = service("web", ContainerState::Exited { code: 3, out_of_memory: false }, "none");
        let services = vec![web, service("db", ContainerState::Running, "none")];
        Observed::Compose(ComposeObserved { started: true, services, ..ComposeObserved::default() })
    };
    let silent = || match answered(200, "") {
        Observed::Http(seen) => Observed::Http(HttpObserved { response: None, ..seen }),
        other => other,
    };
    let never_ran = |action: &Action| match action {
        Action::ComposeUp { .. } | Action::ComposeLook => fallen(),
        Action::ServiceHttp { .. } => silent(),
        other => good(other),
    };
    let verdict = judge(check, never_ran);
    assert_eq!(codes(&verdict), ["data_not_stored"]);
    let said = &verdict.failures[0].message;
    assert_eq!(said, "The service web ended with exit code 3, so nothing can be stored.");
    let both = judge(&format!("{up_check}{check}"), never_ran);
    assert_eq!(codes(&both), ["service_not_running"], "who asks for the service tells that it does not run");
    assert_eq!(statuses(&both), [CheckStatus::Failed, CheckStatus::Skipped]);

    let right = |action: &Action| match action {
        Action::ServiceHttp { .. } => answered(200, "hi"),
        other => good(other),
    };
    assert!(judge(check, right).passed);
    let not_back = judge(check, |action| match action {
        Action::ComposeAnew { .. } => fallen(),
        other => right(other),
    });
    assert_eq!(codes(&not_back), ["data_unreachable"]);
    assert!(not_back.failures[0].message.contains("exit code 3"), "{}", not_back.failures[0].message);
}

#[test]
fn a_service_that_falls_over_when_it_is_asked_does_not_run() {
    let check = "[[checks]]\ntype = \"compose_up\"\nservices = [\"web\"]\n\
                 [[checks]]\ntype = \"http\"\nservice = \"web\"\nport = 8000\npath = \"/\"\n";
    let plan = Plan::for_lab(&lab_with(check), &files());
    let look = plan.steps.iter().find(|step| step.action == Action::ComposeLook).expect("a step");
    assert_eq!(look.after.len(), 1, "the question: {:?}", look.after);
    let gone = ContainerState::Exited { code: 1, out_of_memory: false };
    let verdict = judge(check, |action| match action {
        Action::ComposeLook => Observed::Compose(ComposeObserved {
            started: true,
            services: vec![
                service("web", gone.clone(), "none"),
                service("db", ContainerState::Running, "none"),
            ],
            ..ComposeObserved::default()
        }),
        Action::ServiceHttp { .. } => match answered(200, "") {
            Observed::Http(seen) => {
                Observed::Http(HttpObserved { response: None, container: gone.clone(), ..seen })
            }
            other => other,
        },
        other => good(other),
    });
    assert_eq!(codes(&verdict), ["service_not_running"]);
}

#[test]
fn a_labs_own_script_speaks_with_the_labs_words() {
    for with in ["files", "container", "compose"] {
        let check = format!(
            "[[checks]]\ntype = \"script\"\nimage = \"busybox\"\nwith = \"{with}\"\nrun = \"true\"\ncode = \"own\"\nmessage = \"Not so.\"\n"
        );
        let mut files = project("FROM a\n");
        files.extend(self::files());
        let judged = |code: Option<i64>| {
            carry_out(&lab_with(&check), &files, |action| match action {
                Action::Script { beside, .. } => {
                    assert_eq!(matches!(beside, ScriptPlace::Compose), with == "compose");
                    Observed::Script(ScriptObserved {
                        exit_code: code,
                        output: "why".to_owned(),
                        container: None,
                    })
                }
                other => good(other),
            })
        };
        assert!(judged(Some(0)).passed, "{with}");
        let failed = judged(Some(1));
        assert_eq!(codes(&failed), ["own"]);
        assert_eq!(
            (failed.failures[0].message.as_str(), failed.failures[0].log.as_deref()),
            ("Not so.", Some("why"))
        );
        assert_eq!(codes(&judged(None)), ["script_timed_out"]);
    }
}
