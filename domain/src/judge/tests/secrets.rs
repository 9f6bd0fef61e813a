//! Secrets in variables and files.

use super::{codes, findings, judged, project, set, workspace};
use crate::lab::LabFiles;

const CHECK: &str = "[[checks]]\ntype = \"no_secrets\"\n";

#[test]
fn what_only_looks_like_a_secret_passes() {
    judged(
        CHECK,
        &[],
        &[
            "FROM a\nENV POSTGRES_PASSWORD_FILE=/run/secrets/pw TOKEN_TTL=60",
            "FROM a\nENV DB_PASSWORD=",
            "FROM a\nARG AUTHOR=me\nENV KEYBOARD=de",
            "FROM a\nRUN --mount=type=secret,id=token,env=TOKEN ./fetch.sh",
            "FROM a\nRUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci",
            "FROM a\nRUN --mount=type=ssh git clone git@example.com:a/b",
            "FROM a\n# ENV PASSWORD=x",
            "FROM a\nENV DATABASE_URL=postgres://app@db/app",
            "FROM a\nENV AUTH_ENABLED=true DISABLE_AUTH=true",
            "FROM a\nLABEL password=none",
            // What a stage left behind is given never gets into the image.
            "FROM a AS b\nARG NPM_TOKEN\nRUN npm ci\nFROM a\nCOPY --from=b /app /app",
            "FROM a AS b\nARG TOKEN\nENV TOKEN=$TOKEN\nFROM a\nCOPY --from=b /app /app",
        ],
    );
}

#[test]
fn secrets_in_arguments_are_found() {
    judged(
        CHECK,
        &["secret_in_arg"],
        &[
            "FROM a\nARG NPM_TOKEN\nRUN npm ci",
            "FROM a\narg Db_Password",
            "FROM a\nARG API_KEY=abc",
            "FROM a\nARG VERSION=1 GITHUB_TOKEN",
            "FROM a\nARG URL=https://me:hunter2@example.com/repo",
            "FROM a AS base\nARG TOKEN\nFROM base",
            // Written down is written down, in whatever stage.
            "FROM a AS b\nARG TOKEN=abc\nFROM a\nCOPY --from=b /x /x",
            "ARG TOKEN=abc\nFROM a",
            "FROM a AS base\nONBUILD ARG TOKEN\nFROM base",
        ],
    );
}

#[test]
fn secrets_in_variables_are_found() {
    judged(
        CHECK,
        &["secret_in_env"],
        &[
            "FROM a\nENV DB_PASSWORD=hunter2",
            "FROM a\nENV DB_PASSWORD hunter2",
            "FROM a\nENV A=1 \\\n  JWT_SECRET=\"abc\"",
            "FROM a\nENV ID=AKIAIOSFODNN7EXAMPLE",
            "FROM a\nENV DATABASE_URL=postgres://app:hunter2@db/app",
            "FROM a AS base\nENV TOKEN=x\nFROM base\nENV TOKEN=",
            "FROM a AS b\nENV TOKEN=x\nFROM a\nCOPY --from=b /x /x",
        ],
    );
    judged(CHECK, &["secret_in_arg", "secret_in_env"], &["FROM a\nARG TOKEN\nENV TOKEN=$TOKEN"]);
}

fn with_secrets(dockerfile: &str, ignore: &str) -> LabFiles {
    workspace(&[
        ("Dockerfile", dockerfile),
        (".dockerignore", ignore),
        ("app.py", "x"),
        (".env", "A=1"),
        (".env.example", "A="),
        ("deploy/id_rsa", "x"),
        ("deploy/id_rsa.pub", "x"),
        ("deploy/key", "-----BEGIN PRIVATE KEY-----\n"),
        (".npmrc", "registry=https://registry.example/\n"),
    ])
}

#[test]
fn secret_files_are_found_by_where_they_end_up() {
    for (body, ignore, expected) in [
        ("FROM a\nCOPY . .", ".env\ndeploy", &[][..]),
        ("FROM a\nCOPY app.py .env.example ./", "", &[]),
        ("FROM a\nCOPY deploy/*.pub /keys/", "", &[]),
        ("FROM a\nCOPY --exclude=.env --exclude=deploy . .", "", &[]),
        ("FROM a\nRUN --mount=type=bind,source=.env,target=/env cat /env", "", &[]),
        ("FROM a AS b\nCOPY . .\nFROM a\nCOPY --from=b /app.py /", "", &[]),
        ("FROM a\nCOPY .npmrc .", "", &[]),
        ("FROM a\nCOPY . .", "", &["secret_copied"]),
        ("FROM a\nADD .env /app/settings", "", &["secret_copied"]),
        ("FROM a\nCOPY [\".env\", \"/app/\"]", "", &["secret_copied"]),
        ("FROM a\nCOPY deploy /deploy\nRUN rm -r /deploy", "", &["secret_copied"]),
        ("FROM a\nCOPY . .", "*\n!.env", &["secret_copied"]),
        ("FROM a\nCOPY deploy/key /k", "", &["secret_copied"]),
        ("FROM a AS b\nWORKDIR /src\nCOPY . .\nFROM a\nCOPY --from=b /src /app", "", &["secret_copied"]),
        ("FROM a AS b\nCOPY .env /env\nFROM b\nCMD x", "", &["secret_copied"]),
        ("FROM a\nCOPY <<EOF /app/.env\nA=1\nEOF", "", &["secret_copied"]),
        ("FROM a\nCOPY <<id_rsa /root/.ssh/\nx\nid_rsa", "", &["secret_copied"]),
    ] {
        assert_eq!(
            codes(CHECK, &with_secrets(&format!("{body}\n"), ignore)),
            set(expected),
            "{body} {ignore:?}"
        );
    }
}

#[test]
fn a_step_names_all_that_it_brings() {
    let found = findings(CHECK, &with_secrets("FROM a\nWORKDIR /x\nCOPY . .\n", ""));
    assert_eq!(found.len(), 1, "one finding a step");
    assert!(found[0].message.contains(".env, deploy/id_rsa, deploy/key"), "{}", found[0].message);
    assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(3));
}

#[test]
fn a_lab_adds_its_own_names_and_files() {
    let check = "[[checks]]\ntype = \"no_secrets\"\nnames = [\"LICENSE_*\"]\nfiles = [\"conf/prod.*\", \"!**/.env\"]\n";
    assert_eq!(codes(check, &project("FROM a\nENV license_code=x\n")), set(&["secret_in_env"]));
    let files = |path: &str| workspace(&[("Dockerfile", "FROM a\nCOPY . .\n"), (path, "x")]);
    assert_eq!(codes(check, &files("conf/prod.yaml")), set(&["secret_copied"]));
    assert_eq!(codes(check, &files(".env")), set(&[]));
}
