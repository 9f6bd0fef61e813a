//! The judge judges meaning, not spelling: the cases that the original got wrong, and their neighbours.

mod bad_input;
mod caches;
mod compose;
mod containers;
mod dynamic;
mod images;
mod secrets;
mod session;
mod statics;

use std::collections::BTreeSet;

use crate::ids::LabSlug;
use crate::judge::static_findings;
use crate::lab::{Lab, LabFiles};
use crate::verdict::Finding;

/// A lab with just these checks, written as in `lab.toml`.
fn lab_with(checks: &str) -> Lab {
    let manifest = format!(
        "title = \"t\"\nsummary = \"s\"\nlevel = \"beginner\"\nminutes = 1\norder = 1\nimages = [\"python:3.13-slim\"]\n\
         [[steps]]\nid = \"s\"\ntitle = \"s\"\ntext = \"s\"\n{checks}"
    );
    let files = [
        ("lab.toml", manifest.as_str()),
        ("description.md", "d"),
        ("starter/app.py", "x"),
        ("solution/Dockerfile", "FROM a"),
    ];
    match Lab::parse(LabSlug::new("test").expect("a slug"), workspace(&files)) {
        Ok(lab) => lab,
        Err(problems) => {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn workspace(files: &[(&str, &str)]) -> LabFiles {
    files.iter().map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec())).collect()
}

/// A small Python project with this Dockerfile.
fn project(dockerfile: &str) -> LabFiles {
    workspace(&[
        ("Dockerfile", dockerfile),
        (".dockerignore", "venv\n**/__pycache__\n.git\n"),
        ("requirements.txt", "flask==3.1.3\n"),
        ("app/main.py", "x = 1\n"),
        ("README.md", "r\n"),
    ])
}

fn findings(checks: &str, files: &LabFiles) -> Vec<Finding> {
    static_findings(&lab_with(checks), files)
}

fn codes(checks: &str, files: &LabFiles) -> BTreeSet<String> {
    findings(checks, files).into_iter().map(|finding| finding.code).collect()
}

/// Each Dockerfile of a small Python project gives just these codes.
fn judged(check: &str, expected: &[&str], dockerfiles: &[&str]) {
    for dockerfile in dockerfiles {
        assert_eq!(codes(check, &project(&format!("{dockerfile}\n"))), set(expected), "{dockerfile}");
    }
}

fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}
