//! What the image is set up to be: its base, its user, its first process, its health.

use super::{codes, findings, judged, project, set, workspace};

const PINNED: &str = "[[checks]]\ntype = \"pinned_base\"\n";

#[test]
fn a_base_with_a_version_is_pinned_in_every_spelling() {
    judged(
        PINNED,
        &[],
        &[
            "FROM python:3.13-slim",
            "FROM python:3",
            "FROM docker.io/library/python:3.13",
            "FROM registry.example:5000/team/app:v2",
            "FROM python@sha256:0123456789abcdef",
            "FROM python:latest@sha256:0123456789abcdef",
            "ARG V=3.13\nFROM python:${V}-slim",
            "ARG BASE=python:3.13\nFROM $BASE",
            "FROM --platform=linux/amd64 python:3.13 AS a\nFROM a",
            "FROM scratch",
            "FROM debian:trixie-slim",
            "FROM ubuntu:noble",
            "from python:3.13 as Latest\nfrom latest",
            "FROM python:3.13\nCOPY --from=nginx:1.27 /etc/nginx /n",
            // A stage that no build runs breaks no rule.
            "FROM node AS unused\nFROM python:3.13",
        ],
    );
}

#[test]
fn a_base_that_moves_is_found_in_every_spelling() {
    judged(
        PINNED,
        &["base_not_pinned"],
        &[
            "FROM python",
            "FROM python:latest",
            "FROM python:LATEST",
            "FROM python:slim",
            "FROM python:slim-bookworm",
            "FROM node:lts-alpine",
            "FROM registry.example:5000/python",
            "ARG V=latest\nFROM python:$V",
            "ARG V\nFROM python:$V",
            "ARG BASE\nFROM ${BASE:-python}",
            "FROM python AS build\nFROM build",
            "FROM python AS build\nFROM debian:13\nCOPY --from=build /a /a",
            "FROM debian:13\nCOPY --from=nginx /etc/nginx /n",
            "FROM debian:13\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/",
            "# python:3.13\nFROM python",
        ],
    );
}

#[test]
fn a_lab_can_allow_images_without_a_version() {
    let check = "[[checks]]\ntype = \"pinned_base\"\nallow = [\"busybox\"]\n";
    assert_eq!(codes(check, &project("FROM busybox\n")), set(&[]));
    let found = findings(
        check,
        &project("FROM busybox AS a\nFROM alpine\nCOPY --from=a /a /a\nFROM a\nCOPY --from=1 /a /a\n"),
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(2));
    assert!(found[0].message.starts_with("alpine names no version"), "{}", found[0].message);
}

const USER: &str = "[[checks]]\ntype = \"non_root_user\"\n";

#[test]
fn a_user_that_takes_effect_is_not_root() {
    judged(
        USER,
        &[],
        &[
            "FROM a\nUSER app",
            "FROM a\nuser 1000:1000",
            "FROM a\nUSER root\nRUN apt-get update\nUSER app",
            "FROM a\nARG UID=1000\nUSER ${UID}",
            "FROM a\nENV USER=app\nUSER $USER",
            "FROM a AS base\nUSER app\nFROM base\nCMD [\"x\"]",
            "FROM a\nUSER \"app\"",
            "FROM gcr.io/distroless/static:nonroot",
            "FROM nginxinc/nginx-unprivileged:1.27",
            // What the base triggers comes first.
            "FROM a AS base\nONBUILD USER root\nFROM base\nUSER app",
            "FROM a AS base\nONBUILD USER app\nFROM base\nCMD [\"x\"]",
        ],
    );
}

#[test]
fn root_is_found_in_every_spelling() {
    judged(
        USER,
        &["runs_as_root"],
        &[
            "FROM a",
            "FROM a\n# USER app",
            "FROM a\nUSER root",
            "FROM a\nUSER 0",
            "FROM a\nUSER 00:1000",
            "FROM a\nUSER root:app",
            "FROM a\nUSER app\nUSER root",
            "FROM a\nARG UID=0\nUSER ${UID:-1000}",
            "FROM a\nARG UID\nUSER $UID",
            "FROM a AS b\nUSER app\nFROM a\nCOPY --from=b /x /x",
            "FROM a AS base\nUSER app\nFROM base\nUSER root",
            "FROM a\nRUN su app -c true",
            "FROM a\nRUN <<EOF\nUSER app\nEOF",
            "FROM a\nENV A=1 \\\n  USER=app",
            "FROM a\nONBUILD USER app",
            "FROM a AS base\nUSER app\nONBUILD USER root\nFROM base\nCMD [\"x\"]",
            // A trigger fires once: a stage on top does not see it again.
            "FROM a AS one\nONBUILD USER app\nFROM one AS two\nUSER root\nFROM two",
        ],
    );
}

const ENTRY: &str = "[[checks]]\ntype = \"exec_form\"\n";

#[test]
fn an_app_that_is_the_first_process_passes() {
    judged(
        ENTRY,
        &[],
        &[
            "FROM a\nCMD [\"python\", \"app.py\"]",
            "FROM a\nENTRYPOINT [\"python\"]\nCMD [\"app.py\"]",
            "FROM a\nENTRYPOINT [ \"python\",\\\n  \"app.py\" ]",
            "FROM a AS base\nENTRYPOINT [\"x\"]\nFROM base",
            "FROM a\nCMD python app.py\nCMD [\"python\", \"app.py\"]",
            "FROM a\nCMD exec python app.py",
            "FROM a\nENTRYPOINT [\"sh\", \"-c\", \"migrate && exec gunicorn app\"]",
            "FROM a\nENTRYPOINT [\"/sbin/tini\", \"--\", \"python\", \"app.py\"]",
            "FROM a\nENTRYPOINT [\"./start.sh\"]",
            "FROM a\nENTRYPOINT [\"x\"]\nCMD []",
            "FROM nginx:1.27",
            "FROM a AS base\nONBUILD CMD [\"x\"]\nFROM base",
        ],
    );
}

#[test]
fn a_shell_in_front_is_found_in_every_spelling() {
    judged(
        ENTRY,
        &["entry_shell_form"],
        &[
            "FROM a\nCMD python app.py",
            "FROM a\nENTRYPOINT python app.py",
            "FROM a\nCMD ['python', 'app.py']",
            "FROM a\nCMD [\"sh\", \"-c\", \"python app.py\"]",
            "FROM a\nENTRYPOINT [\"/bin/bash\", \"-ec\", \"python app.py\"]",
            "FROM a\nCMD [\"sh\", \"-c\", \"exec migrate; python app.py\"]",
            "FROM a\nENTRYPOINT [\"tini\", \"--\", \"sh\", \"-c\", \"python app.py\"]",
            "FROM a\nENTRYPOINT [\"python\"]\nCMD app.py",
            "FROM a\nCMD [\"python\", \"app.py\"]\nCMD python app.py",
            "FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nCMD python app.py",
            "FROM a AS base\nCMD python app.py\nFROM base",
        ],
    );
}

#[test]
fn a_script_of_the_workspace_has_to_give_its_place_to_the_app() {
    let with = |command: &str, script: &str| {
        let dockerfile = format!("FROM a\nCOPY . .\n{command}\n");
        let files = workspace(&[("Dockerfile", &dockerfile), ("bin/start.sh", script), ("app.py", "x")]);
        findings(ENTRY, &files)
    };
    let stays = "#!/bin/sh\nexport A=1\npython app.py\n# and that was it\n";
    for command in [
        "CMD [\"./bin/start.sh\"]",
        "ENTRYPOINT [\"/bin/sh\", \"/app/bin/start.sh\"]\nCMD [\"x\"]",
        "CMD [\"tini\", \"--\", \"/start.sh\"]",
    ] {
        let found = with(command, stays);
        assert_eq!(found.iter().map(|found| found.code.as_str()).collect::<Vec<_>>(), ["entry_shell_form"]);
        let place = found[0].place.as_ref().expect("a place");
        assert_eq!((place.file.as_str(), place.line), ("bin/start.sh", Some(3)), "{command}");
    }
    for script in [
        "#!/bin/sh\nexport A=1\nexec python app.py\n",
        "#!/bin/bash\nif [ -n \"$X\" ]; then exec \"$@\"; fi\npython app.py\n",
        "#!/bin/sh\nexec $COMMAND\n",
        "#!/bin/sh\ntrap 'kill $child' TERM\npython app.py & child=$!\nwait\n",
        "#!/usr/bin/env python3\nprint(1)\n",
    ] {
        assert_eq!(with("CMD [\"./bin/start.sh\"]", script), [], "{script}");
    }
    // Nobody knows which of two files of that name is meant.
    let two =
        [("Dockerfile", "FROM a\nCMD [\"./start.sh\"]\n"), ("a/start.sh", stays), ("b/start.sh", stays)];
    assert_eq!(findings(ENTRY, &workspace(&two)), []);
}

#[test]
fn no_command_at_all_is_missing() {
    judged(
        ENTRY,
        &["entry_missing"],
        &[
            "FROM python:3.13",
            "FROM a\n# CMD [\"x\"]",
            "FROM a\nCMD []",
            "FROM a\nCMD [\"x\"]\nCMD",
            "FROM a AS b\nCMD [\"x\"]\nFROM a\nCOPY --from=b /x /x",
            "FROM a\nRUN [\"python\", \"app.py\"]",
        ],
    );
    // An ENTRYPOINT takes the CMD of the stage below away: emptied, nothing is left.
    judged(ENTRY, &["entry_missing"], &["FROM a AS base\nCMD [\"x\"]\nFROM base\nENTRYPOINT []"]);
}

const HEALTH: &str = "[[checks]]\ntype = \"healthcheck_declared\"\n";

#[test]
fn a_health_command_is_declared_or_missing() {
    judged(
        HEALTH,
        &[],
        &[
            "FROM a\nHEALTHCHECK CMD curl -f localhost",
            "FROM a\nHEALTHCHECK --interval=5s --timeout=2s \\\n  CMD [\"curl\", \"-f\", \"localhost\"]",
            "FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD x",
            "FROM a AS base\nHEALTHCHECK CMD x\nFROM base\nCMD [\"x\"]",
            "FROM a AS base\nONBUILD HEALTHCHECK CMD x\nFROM base",
        ],
    );
    judged(
        HEALTH,
        &["healthcheck_missing"],
        &[
            "FROM a",
            "FROM a\nHEALTHCHECK NONE",
            "FROM a\nHEALTHCHECK CMD x\nHEALTHCHECK none",
            "FROM a\n# HEALTHCHECK CMD x",
            "FROM a AS b\nHEALTHCHECK CMD x\nFROM a\nCOPY --from=b /x /x",
            "FROM a AS base\nHEALTHCHECK CMD x\nFROM base\nHEALTHCHECK NONE",
            "FROM a\nLABEL HEALTHCHECK=CMD",
        ],
    );
}

const ADD: &str = "[[checks]]\ntype = \"copy_not_add\"\n";

#[test]
fn add_is_right_only_where_copy_cannot_do_it() {
    let files = |dockerfile: &str| {
        let mut files =
            workspace(&[("Dockerfile", dockerfile), ("app.py", "x"), ("notes.tar.gz", "no archive at all")]);
        files.insert("data.tar.gz".into(), b"\x1f\x8b\x08\x00rest".to_vec());
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        files.insert("plain.tar".into(), tar);
        files
    };
    for (body, expected) in [
        ("COPY . .", &[][..]),
        ("ADD data.tar.gz /data", &[]),
        ("ADD ./data.tar.gz plain.tar /data/", &[]),
        ("ADD --checksum=sha256:00 https://example.com/x.bin /x", &[]),
        ("ADD https://example.com/a/b.git#v1 /src", &[]),
        ("ADD git@example.com:a/b.git /src", &[]),
        ("ADD rootfs.tar.xz /", &[]),
        ("ARG F=data.tar.gz\nADD $F /data", &[]),
        ("# ADD . .", &[]),
        ("RUN echo ADD . .", &[]),
        ("ADD . .", &["add_used"]),
        ("add app.py /app/", &["add_used"]),
        ("ADD [\"app.py\", \"/app/\"]", &["add_used"]),
        ("ADD --chown=1:1 app.py \\\n  /app/", &["add_used"]),
        ("ADD data.tar.gz app.py /data/", &["add_used"]),
        // Only its name is one of an archive: Docker would copy it as it is.
        ("ADD notes.tar.gz /notes", &["add_used"]),
        ("ADD https://example.com/x.tar.gz /x", &["add_used"]),
        ("ADD <<EOF /etc/motd\nhi\nEOF", &["add_used"]),
    ] {
        assert_eq!(codes(ADD, &files(&format!("FROM a\n{body}\n"))), set(expected), "{body}");
    }
    let unused = "FROM a AS unused\nADD . .\nFROM a\nCOPY . .\n";
    assert_eq!(codes(ADD, &files(unused)), set(&[]));
    let triggered = "FROM a AS base\nONBUILD ADD . .\nFROM base\nCMD x\n";
    assert_eq!(codes(ADD, &files(triggered)), set(&["add_used"]));
}
