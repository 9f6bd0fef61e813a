//! Scenarios and labs of others, made into labs that are read without a fault.

use super::*;
use crate::judge::static_findings;
use crate::lab::Lab;

fn files(entries: &[(&str, &str)]) -> LabFiles {
    entries.iter().map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec())).collect()
}

fn slug(name: &str) -> LabSlug {
    LabSlug::new(name).expect("a slug")
}

fn imported(name: &str, entries: &[(&str, &str)]) -> Imported {
    import(&slug(name), &files(entries), 7).expect("it is one of the layouts")
}

/// The lab, read as any other; its solution has no static fault.
fn read(name: &str, imported: &Imported) -> Lab {
    let lab = Lab::parse(slug(name), imported.files.clone()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    assert_eq!(static_findings(&lab, &lab.solution), []);
    assert_ne!(lab.starter, lab.solution);
    lab
}

fn noted(imported: &Imported, kind: ImportKind, place: &str) -> bool {
    imported.report.notes.iter().any(|note| note.kind == kind && note.place == place)
}

const SCENARIO: &str = r#"{
  "title": "Say \"hello\"", "description": "Run a first server.", "difficulty": "Intermediate", "time": "5-10 minutes",
  "icon": "fa-docker",
  "details": {
    "intro": { "text": "intro.md", "background": "setup.sh" },
    "steps": [
      { "title": "Start it", "text": "step1/text.md", "foreground": "step1/go.sh", "verify": "step1/verify.sh" },
      { "title": "Start it", "text": "step2.md", "courseData": "missing.sh", "code": "step1/go.sh", "verify": "step2.sh", "answer": "answer.md" },
      { "text": "step3.md" }
    ],
    "finish": { "text": "finish.md" },
    "assets": { "host01": [
      { "file": "*.py", "target": "/root/app", "chmod": "+x" },
      { "file": "web", "target": "~/" },
      { "file": "tool.sh", "target": "/usr/local/bin", "chmod": "+x" },
      { "file": "nothing.txt", "target": "/root" }
    ], "host02": [ { "file": "*.py", "target": "/root" } ] }
  },
  "backend": { "imageid": "ubuntu" }, "interface": { "layout": "ide" }
}"#;

const FILES: [(&str, &str); 13] = [
    ("index.json", SCENARIO),
    ("intro.md", "Hi. ![a picture](./pic.png) and [a page](https://example.com).\n"),
    ("setup.sh", "#!/bin/bash\ndocker pull nginx\n"),
    ("step1/text.md", "Run `ls`{{exec}}, then look at [the app]({{TRAFFIC_HOST1_8080}}/x).\n"),
    ("step1/go.sh", "cd /root/app\n"),
    ("step1/verify.sh", "#!/bin/bash\ntest -f /root/app/done.txt\n"),
    ("step2.md", "<details><summary>Help</summary>\n\nNo.\n</details>\n"),
    ("step2.sh", "docker ps | grep web\n"),
    ("answer.md", "`touch done.txt`{{copy}}\n"),
    ("step3.md", "Read `docker ps --format '{{.Names}}'`.\n"),
    ("finish.md", "Well done.\n"),
    ("assets/main.py", "print('x')\n"),
    ("assets/web/Dockerfile", "FROM nginx:1.27\n"),
];

#[test]
fn a_scenario_becomes_a_lab_with_its_texts_files_and_checks() {
    let made = imported("hello", &FILES);
    let lab = read("hello", &made);
    assert_eq!(
        (lab.title.as_str(), lab.summary.as_str(), lab.minutes, lab.order),
        ("Say \"hello\"", "Run a first server.", 10, 7)
    );
    let ids: Vec<&str> = lab.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["introduction", "start-it", "start-it-2", "step-3", "finish"]);
    assert_eq!(
        lab.steps[0].text,
        "The scenario ran this in the background before this step; run it yourself:\n\n```sh\n#!/bin/bash\ndocker pull nginx\n```\n\nHi. a picture and [a page](https://example.com).\n"
    );
    assert!(
        lab.steps[1].text.ends_with("Run `ls`, then look at the app (`http://localhost:8080/x`).\n"),
        "{}",
        lab.steps[1].text
    );
    assert!(lab.steps[2].text.contains("**Help**\n\nNo.\n"), "{}", lab.steps[2].text);
    assert!(lab.steps[3].text.contains("{{.Names}}"));
    let starter: Vec<&String> = lab.starter.keys().collect();
    assert_eq!(starter, ["app/main.py", "web/Dockerfile"]);
    assert_eq!(lab.images, ["nginx:1.27", "debian:trixie-slim"]);
    let checks: Vec<(&str, &str, &str)> = lab
        .checks
        .iter()
        .map(|check| (check.kind.type_name(), check.id.as_str(), check.codes()[0]))
        .collect();
    assert_eq!(checks, [("script", "step-1", "step_1_not_done"), ("script", "step-2", "step_2_not_done")]);
    assert_eq!(made.files["checks/step1-verify.sh"], b"#!/bin/bash\ntest -f /workspace/app/done.txt\n");
    let hints: Vec<(u8, &str)> = lab.hints.iter().map(|hint| (hint.strength, hint.text.as_str())).collect();
    assert_eq!(hints, [(3, "`touch done.txt`\n")]);
}

#[test]
fn the_report_names_all_that_did_not_come_along() {
    let made = imported("hello", &FILES);
    for place in
        ["icon", "interface", "intro.md", "missing.sh", "assets/tool.sh", "assets/nothing.txt", "assets/*.py"]
    {
        assert!(noted(&made, ImportKind::LeftOut, place), "{place}: {:#?}", made.report);
    }
    for place in [
        "backend.imageid",
        "setup.sh",
        "step1/go.sh",
        "step1/verify.sh",
        "step2.sh",
        "step1/text.md",
        "step2.md",
        "answer.md",
    ] {
        assert!(noted(&made, ImportKind::Changed, place), "{place}: {:#?}", made.report);
    }
    for place in ["solution/", "wrong/"] {
        assert!(noted(&made, ImportKind::Added, place), "{place}: {:#?}", made.report);
    }
    let json = serde_json::to_value(&made.report).expect("JSON");
    assert_eq!((&json["source"], &json["notes"][0]["kind"]), (&"scenario".into(), &"changed".into()));
}

#[test]
fn a_scenario_without_checks_or_files_is_a_lab_all_the_same() {
    let index = r#"{"title": "t", "details": {"steps": [{"title": "Wer wagt's", "text": "a.md"}], "assets": {}}, "backend": {"imageid": "kubernetes-kubeadm-1node"}}"#;
    let made = imported("bare", &[("index.json", index), ("a.md", "Go.\n")]);
    let lab = read("bare", &made);
    assert_eq!((lab.minutes, lab.checks.len(), lab.steps[0].id.as_str()), (5, 1, "wer-wagt-s"));
    assert!(noted(&made, ImportKind::LeftOut, "backend.imageid"));
    assert!(noted(&made, ImportKind::Added, "lab.toml"));
}

#[test]
fn what_is_no_scenario_is_refused_in_words() {
    let refuse =
        |entries: &[(&str, &str)]| import(&slug("x"), &files(entries), 1).expect_err("no lab").to_string();
    assert!(refuse(&[("index.json", "{")]).starts_with("index.json: EOF"));
    assert_eq!(refuse(&[("index.json", "{}")]), "index.json: details.steps names no step");
    assert_eq!(
        refuse(&[("structure.json", "{}"), ("a/index.json", "{}"), ("b/index.json", "{}")]),
        "the folder is a course; name one of its scenarios: a, b"
    );
    assert!(refuse(&[("app.py", "x")]).contains("neither an index.json"));
}

#[test]
fn a_lab_of_the_original_gets_the_checks_of_its_judges_codes() {
    let judge = "def judge():\n    fail(code=\"dockerignore_missing\")\n    fail('layer_order_incorrect')\n    fail(\"image_too_large\")  # 180 MB\n    get(\"http://localhost:8080/health\")\n    fail(\"healthcheck_failed\")\n";
    let made = imported(
        "caching",
        &[
            ("README.md", "# Layers\n\nThe order counts.\n\nDo it.\n"),
            ("starter/app.py", "x"),
            ("starter/requirements.txt", "flask\n"),
            ("judge/lab2.py", judge),
        ],
    );
    let lab = read("caching", &made);
    assert_eq!((lab.title.as_str(), lab.summary.as_str()), ("Layers", "The order counts."));
    let kinds: Vec<&str> = lab.checks.iter().map(|check| check.kind.type_name()).collect();
    assert_eq!(kinds, ["dockerignore_exists", "dependencies_first", "build", "image_size", "http"]);
    let manifest = String::from_utf8(made.files["lab.toml"].clone()).expect("UTF-8");
    assert!(manifest.contains("max_mb = 180") && manifest.contains("port = 8080"), "{manifest}");
    assert!(noted(&made, ImportKind::Changed, "judge/lab2.py"));
}

#[test]
fn the_originals_three_labs_are_known_by_name() {
    for (name, expected) in [
        ("lab1", &["dockerfile_exists", "dockerignore_exists", "context_excludes", "build", "http"][..]),
        ("lab2", &["dockerfile_exists", "dependencies_first", "no_pip_cache", "build", "http"]),
        (
            "lab3-size",
            &["dockerfile_exists", "multi_stage", "copies_from_stage", "build", "image_size", "http"],
        ),
        ("other", &["build"]),
    ] {
        let made = imported(
            name,
            &[
                ("description.md", "Text without a heading.\n"),
                ("app.py", "x"),
                ("requirements.txt", "flask\n"),
                ("Makefile", "x"),
            ],
        );
        let lab = read(name, &made);
        let kinds: Vec<&str> = lab.checks.iter().map(|check| check.kind.type_name()).collect();
        assert_eq!(kinds, expected, "{name}");
        assert_eq!(lab.starter.keys().collect::<Vec<_>>(), ["Makefile", "app.py", "requirements.txt"]);
    }
}
