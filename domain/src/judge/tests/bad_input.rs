//! Files that nobody should hand in, and what is said about each.

use super::{findings, project, workspace};
use crate::judge::static_notes;
use crate::lab::LabFiles;

const CHECK: &str = "[[checks]]\ntype = \"dockerfile_exists\"\n";

fn with(dockerfile: &[u8]) -> LabFiles {
    let mut files = project("");
    files.insert("Dockerfile".into(), dockerfile.to_vec());
    files
}

#[test]
fn a_file_that_no_build_would_take_is_one_finding_with_its_line() {
    for (dockerfile, line, said) in [
        (&b""[..], 1, "holds no instruction"),
        (b"# only a comment\n", 1, "holds no instruction"),
        (b"RUN a\n", 1, "before the first FROM"),
        (b"ARG A=1\n", 1, "no FROM"),
        (b"FROM a\nINSTALL b\n", 2, "knows no instruction INSTALL"),
        (b"FROM a\nRUN caf\xe9\n", 2, "not valid UTF-8"),
        (b"\xff\xfeF\0R\0O\0M\0 \0a\0\n\0", 1, "UTF-16"),
        (b"FROM a\nRUN <<EOF\necho\n", 2, "never ends"),
        (b"FROM a\nCOPY <<-'E F' /x\nE\n", 2, "never ends"),
        (b"FROM a\nCOPY x\n", 2, "needs what to copy and where to"),
        (b"# escape=z\nFROM a\n", 1, "escape character"),
        (b"FROM\n", 1, "FROM needs"),
        (b"FROM a\nCOPY --from=7 a b\n", 2, "no stage 7"),
        (b"ARG A\nFROM $A\n", 2, "comes to nothing"),
    ] {
        let found = findings(CHECK, &with(dockerfile));
        let shown = String::from_utf8_lossy(dockerfile);
        assert_eq!(found.len(), 1, "{shown}: {found:?}");
        assert_eq!(found[0].code, "dockerfile_invalid", "{shown}");
        assert!(found[0].message.contains(said), "{shown}: {}", found[0].message);
        assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(line), "{shown}");
        assert!(!found[0].hint.is_empty() && found[0].why.is_some(), "{shown}");
    }
}

#[test]
fn what_a_build_takes_is_no_finding() {
    for dockerfile in [
        &b"\xef\xbb\xbfFROM a\r\nRUN b \\\r\n  c\r\n"[..],
        b"# syntax=docker/dockerfile:1\nFROM a\n",
        b"# caf\xe9\nFROM a\n",
        b"FROM a",
        b"FROM a\nRUN b \\\n",
    ] {
        assert_eq!(findings(CHECK, &with(dockerfile)), [], "{}", String::from_utf8_lossy(dockerfile));
    }
}

#[test]
fn what_is_doubtful_is_a_note() {
    for (dockerfile, said) in [
        (
            &b"# syntax=example.com/own:1\nFROM a\n"[..],
            Some("Dockerfile line 1: The file asks for example.com/own:1"),
        ),
        (b"# syntax=docker.io/docker/dockerfile:1.7\nFROM a\n", None),
        (b"# caf\xe9\nFROM a\n", Some("Dockerfile line 1: The line is not valid UTF-8")),
        (b"FROM a\r\nRUN <<E\r\nx\r\nE\r\n", Some("Dockerfile line 2: The file has Windows line ends")),
        (b"FROM a\nCMD ['x']\n", Some("Dockerfile line 2: CMD looks like a list")),
    ] {
        let notes = static_notes(&with(dockerfile));
        match said {
            Some(said) => assert!(notes.len() == 1 && notes[0].starts_with(said), "{said}: {notes:?}"),
            None => assert_eq!(notes, [""; 0]),
        }
    }
}

#[test]
fn a_dockerignore_is_told_what_it_does_to_itself() {
    let notes = |ignore: &[u8]| {
        let mut files = workspace(&[("Dockerfile", "FROM a\n")]);
        files.insert(".dockerignore".into(), ignore.to_vec());
        static_notes(&files)
    };
    for (ignore, said) in [
        (&b"a\nDockerfile\n"[..], ".dockerignore line 2: Dockerfile leaves the Dockerfile out"),
        (b"*\n", ".dockerignore line 1: * leaves the Dockerfile out"),
        (b"a\n[b\n", ".dockerignore line 2: The pattern is malformed"),
        (b"!\n", ".dockerignore line 1: A ! alone"),
        (b"a\ncaf\xe9\n", ".dockerignore line 2: The line is not valid UTF-8"),
    ] {
        let notes = notes(ignore);
        assert!(notes.len() == 1 && notes[0].starts_with(said), "{said}: {notes:?}");
    }
    assert_eq!(notes(b"\xef\xbb\xbf# notes\r\n*.md\r\n!README.md\r\n"), [""; 0]);
    assert_eq!(notes(b"*\n!Dockerfile\n"), [""; 0]);
    // However many lines are wrong, there are only so many notes.
    assert_eq!(notes(&b"[a\n".repeat(5_000)).len(), 10);
}

#[test]
fn ten_thousand_lines_are_judged_by_all_static_checks() {
    let mut dockerfile = "FROM python:3.13-slim\nUSER app\n".to_owned();
    for number in 0..5_000 {
        dockerfile.push_str(&format!(
            "RUN pip install a{number} && apt-get update\nCOPY app/main.py /x{number}/\n"
        ));
    }
    let checks: String = [
        "no_pip_cache",
        "pinned_base",
        "non_root_user",
        "exec_form",
        "no_secrets",
        "apt_lists_removed",
        "copy_not_add",
    ]
    .map(|kind| format!("[[checks]]\ntype = \"{kind}\"\n"))
    .concat();
    let found = findings(&checks, &with(dockerfile.as_bytes()));
    let count = |code: &str| found.iter().filter(|finding| finding.code == code).count();
    assert_eq!(
        (count("pip_cache_flag_missing"), count("apt_update_alone"), count("entry_missing")),
        (20, 20, 1)
    );
}
