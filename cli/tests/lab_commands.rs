//! The commands for authors of labs that need no Docker: what they say, and what they end with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const LABS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");

/// The program in a bare environment.
fn containrlab(labs: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_containrlab"))
        .args(arguments)
        .env_clear()
        .env("LABS_DIR", labs)
        .output()
        .expect("the program starts")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(folder: &TempDir, path: &str, content: &str) -> PathBuf {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, content).expect("a file");
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_context_says_which_rule_leaves_a_path_out() {
    let folder = folder();
    write(&folder, "Dockerfile", "FROM scratch\n");
    write(&folder, ".dockerignore", "# mine\n*\n!app\n");
    write(&folder, "app/main.py", "x");
    write(&folder, "secret", "y");
    std::os::unix::fs::symlink("/", folder.path().join("link")).expect("a link");
    let report = json(&containrlab(LABS.as_ref(), &["context", path(folder.path()), "--json"]));
    let found: Vec<_> = report["paths"]
        .as_array()
        .expect("paths")
        .iter()
        .map(|entry| {
            (entry["path"].as_str().unwrap(), entry["included"].as_bool().unwrap(), entry["rule"].as_str())
        })
        .collect();
    assert_eq!(
        found,
        [
            (".dockerignore", true, Some(".dockerignore:2: *")),
            ("Dockerfile", true, Some(".dockerignore:2: *")),
            ("app/main.py", true, Some(".dockerignore:3: !app")),
            ("link", false, Some(".dockerignore:2: *")),
            ("secret", false, Some(".dockerignore:2: *")),
        ],
        "a link is a path, and nobody follows it"
    );
    assert_eq!((report["sent"].as_u64(), report["left_out"].as_u64()), (Some(3), Some(2)));
    let said = containrlab(LABS.as_ref(), &["context", path(folder.path())]);
    assert!(text(&said.stdout).contains("left out  secret   (.dockerignore:2: *)"), "{}", text(&said.stdout));
}

#[test]
fn a_graph_shows_stages_lines_and_copies_between_them() {
    let folder = folder();
    let file = write(
        &folder,
        "Dockerfile",
        "ARG V=3.13\nFROM python:$V AS build\nRUN make \\\n  all\nFROM scratch\nCOPY --from=build /w /x\n",
    );
    let output = containrlab(LABS.as_ref(), &["dockerfile", "graph", path(&file), "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let graph = json(&output);
    assert_eq!(graph["before_first_stage"][0]["keyword"], "ARG");
    let [build, last] = graph["stages"].as_array().expect("stages").as_slice() else { panic!("{graph}") };
    assert_eq!(
        (build["name"].as_str(), build["base"]["image"].as_str()),
        (Some("build"), Some("python:3.13"))
    );
    assert_eq!(build["instructions"][0]["span"], serde_json::json!({"first": 3, "last": 4}));
    assert_eq!(last["base"], "scratch");
    assert_eq!(last["edges"][0]["source"]["stage"], 0);
    let said = text(&containrlab(LABS.as_ref(), &["dockerfile", "graph", path(&file)]).stdout);
    assert!(said.contains("copies /w of stage 0 to /x (line 6)"), "{said}");
}

#[test]
fn a_graph_of_a_broken_file_points_at_the_line() {
    let folder = folder();
    let file = write(&folder, "Dockerfile", "FROM scratch\nRUM \u{1b}[2J\n");
    let output = containrlab(LABS.as_ref(), &["dockerfile", "graph", path(&file)]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Dockerfile:2\n") && said.contains("2 | RUM") && said.contains("^^^"), "{said}");
    assert!(!said.contains('\u{1b}'), "nothing steers the terminal");
}

#[test]
fn our_own_labs_have_no_errors() {
    let output = containrlab(LABS.as_ref(), &["lab", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_new_lab_is_accepted_and_its_mistakes_are_shown_with_their_lines() {
    let labs = folder();
    let made = containrlab(labs.path(), &["lab", "new", "volumes"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let again = containrlab(labs.path(), &["lab", "new", "volumes"]);
    assert_eq!(again.status.code(), Some(64), "{}", text(&again.stderr));
    let checked = containrlab(labs.path(), &["lab", "check", "volumes"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));

    let manifest = labs.path().join("volumes/lab.toml");
    let wrong = fs::read_to_string(&manifest).expect("lab.toml").replace("minutes =", "minuts =");
    fs::write(&manifest, wrong).expect("lab.toml");
    write(&labs, "volumes/steps/1-start.md", "First.\n\nSee [there](#strt).\n");
    let checked = containrlab(labs.path(), &["lab", "check", "volumes"]);
    let said = text(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("lab.toml:5\n") && said.contains("5 | minuts = 20"), "{said}");
    assert!(said.contains("minutes"), "{said}");

    let right = fs::read_to_string(&manifest).expect("lab.toml").replace("minuts =", "minutes =");
    fs::write(&manifest, right).expect("lab.toml");
    let said = text(&containrlab(labs.path(), &["lab", "check", "volumes"]).stderr);
    assert!(said.contains("steps/1-start.md:3\n") && said.contains("did you mean #start?"), "{said}");
}

#[test]
fn a_folder_is_judged_by_its_files() {
    let solution = folder();
    for part in ["starter", "solution"] {
        for entry in fs::read_dir(Path::new(LABS).join("lab1").join(part)).expect("lab1") {
            let entry = entry.expect("a file");
            fs::copy(entry.path(), solution.path().join(entry.file_name())).expect("a copy");
        }
    }
    let passed =
        containrlab(LABS.as_ref(), &["lab", "try", "lab1", path(solution.path()), "--static", "--json"]);
    assert_eq!(passed.status.code(), Some(0), "{}", text(&passed.stdout));
    assert_eq!(json(&passed)["passed"], true);

    write(&solution, "Dockerfile", "FROM python:3.13-slim\nRUM pip install flask\n");
    let failed = containrlab(LABS.as_ref(), &["lab", "try", "lab1", path(solution.path()), "--static"]);
    let said = text(&failed.stdout);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    for expected in
        ["error[dockerfile_invalid]", "Dockerfile:2\n", "2 | RUM pip install flask", "= why: ", "= hint: "]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_scenario_becomes_a_lab_that_is_accepted_with_a_report_of_what_did_not_fit() {
    let (labs, scenario) = (folder(), folder());
    let index = r#"{"title": "Hello", "description": "A file.", "details": {"intro": {"text": "intro.md"},
        "steps": [{"title": "Make it", "text": "step.md", "verify": "verify.sh"}],
        "assets": {"host01": [{"file": "*", "target": "/root"}, {"file": "x", "target": "/opt"}]}},
        "backend": {"imageid": "ubuntu"}}"#;
    for (path, content) in [
        ("Hello World/index.json", index),
        ("Hello World/intro.md", "Hi.\n"),
        ("Hello World/step.md", "`touch /root/a`{{exec}}\n"),
        ("Hello World/verify.sh", "test -e /root/a\n"),
        ("Hello World/assets/b/c.txt", "c"),
    ] {
        write(&scenario, path, content);
    }
    let from = scenario.path().join("Hello World");
    let made = containrlab(labs.path(), &["lab", "import", path(&from), "--json"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let report = json(&made);
    assert_eq!(
        (&report["lab"], &report["errors"], &report["source"]),
        (&"hello-world".into(), &0.into(), &"scenario".into())
    );
    let left_out = report["notes"].as_array().expect("notes").iter().find(|note| note["place"] == "assets/x");
    assert_eq!(left_out.expect("what goes elsewhere is told")["kind"], "left_out");
    let lab = labs.path().join("hello-world");
    assert_eq!(fs::read_to_string(lab.join("starter/b/c.txt")).expect("an asset"), "c");
    assert_eq!(
        fs::read_to_string(lab.join("checks/step1-verify.sh")).expect("a script"),
        "test -e /workspace/a\n"
    );
    let checked = containrlab(labs.path(), &["lab", "check", "hello-world"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));

    // Nothing is written over, and a second place can be named.
    let again = containrlab(labs.path(), &["lab", "import", path(&from)]);
    assert_eq!(again.status.code(), Some(64), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("--to"), "{}", text(&again.stderr));
    let other = labs.path().join("other");
    let said = containrlab(labs.path(), &["lab", "import", path(&from), "--to", path(&other)]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    assert!(text(&said.stdout).contains("Could not come along:\n  assets/x: "), "{}", text(&said.stdout));
    let none = containrlab(labs.path(), &["lab", "import", path(other.join("steps").as_path())]);
    assert_eq!(none.status.code(), Some(64), "{}", text(&none.stderr));
}

#[test]
fn what_is_called_wrongly_ends_with_64() {
    let folder = folder();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("app.py")).expect("a link");
    for (arguments, expected) in [
        (&["lab", "try", "lab11", path(folder.path()), "--static"][..], "Did you mean lab1?"),
        (&["lab", "try", "lab1", "/nowhere/at/all", "--static"], "is no folder"),
        (&["lab", "try", "lab1", path(folder.path()), "--static"], "is a link"),
        (&["lab", "try", "lab1"], "Usage"),
        (&["lab", "new", "Not A Slug"], "is no lab's name"),
        (&["dockerfile", "graph", path(folder.path())], "is a folder"),
    ] {
        let output = containrlab(LABS.as_ref(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
