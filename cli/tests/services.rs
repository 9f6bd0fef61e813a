//! `containrlab with-services`: real databases for a command, gone after it, whatever happened to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for anything that should happen.
const LIMIT: Duration = Duration::from_secs(60);

/// The program, without the databases of whoever runs the tests.
fn with_services(folder: &TempDir, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_containrlab"));
    command
        .args(["with-services", "--", "sh", "-c", script])
        .env("STATE_DIR", folder.path().join("state"))
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A folder that the service's user can walk to.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("a mode");
    folder
}

fn output(folder: &TempDir, script: &str) -> Output {
    with_services(folder, script).output().expect("the program starts")
}

/// Process ids in the pid files of the test's own services.
fn pids(folder: &TempDir) -> Vec<i32> {
    let Ok(files) = std::fs::read_dir(folder.path().join("state/test/run")) else { return Vec::new() };
    files
        .filter_map(|file| std::fs::read(file.ok()?.path()).ok())
        .filter_map(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
        .filter_map(|content| content["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()))
        .collect()
}

fn until(what: &str, mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !check() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_command_gets_databases_and_its_exit_code_comes_back() {
    let folder = folder();
    let script = r#"echo "$DATABASE_URL"; echo "$REDIS_URL"; echo "$CONTAINRLAB_TEST_STATE_DIR"; exit 7"#;
    let first = output(&folder, script);
    assert_eq!(first.status.code(), Some(7), "{first:?}");
    let said = String::from_utf8(first.stdout).expect("UTF-8");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("postgres://containrlab:") && lines[1].starts_with("redis://"), "{said}");
    assert!(Path::new(lines[2]).starts_with(folder.path()), "{said}");
    assert_eq!(pids(&folder), [0; 0], "the services are stopped after the command");

    let second = output(&folder, script);
    assert_eq!(String::from_utf8(second.stdout).expect("UTF-8"), said, "ports and passwords stay the same");
}

#[test]
fn the_databases_answer() {
    let folder = folder();
    // The one tool that comes with each server.
    let script = "set -e; PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':'); \
                  psql --no-psqlrc --tuples-only --no-align --command 'show fsync' \"$DATABASE_URL\"; \
                  redis-cli -u \"$REDIS_URL\" --no-auth-warning config get appendonly";
    let output = output(&folder, script);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said.lines().collect::<Vec<_>>(), ["off", "appendonly", "yes"]);
}

#[test]
fn a_command_that_a_signal_ends_gives_the_code_that_shells_give() {
    let output = output(&folder(), "kill -9 $$");
    assert_eq!(output.status.code(), Some(137), "{output:?}");
}

#[test]
fn a_command_that_is_not_there_is_said() {
    let folder = folder();
    let output = Command::new(env!("CARGO_BIN_EXE_containrlab"))
        .args(["with-services", "--", "no-such-command-anywhere"])
        .env("STATE_DIR", folder.path().join("state"))
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Can't start no-such-command-anywhere"),
        "{output:?}"
    );
    assert_eq!(pids(&folder), [0; 0]);
}

/// Starts a command that says "here" and then sleeps; returns once it has said so.
fn sleeper(folder: &TempDir) -> Child {
    let mut child = with_services(folder, "echo here; exec sleep 300").spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "here\n");
    child
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("it lives");
}

#[test]
fn a_signal_reaches_the_command_and_the_services_stop_after_it() {
    let folder = folder();
    let mut child = sleeper(&folder);
    assert_eq!(pids(&folder).len(), 2);
    signal(&child, rustix::process::Signal::TERM);
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(143));
    assert_eq!(pids(&folder), [0; 0]);
}

#[test]
fn a_run_after_one_that_was_killed_tidies_up_first() {
    let folder = folder();
    let mut child = sleeper(&folder);
    let left = pids(&folder);
    assert_eq!(left.len(), 2);
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    let next = output(&folder, "true");
    assert!(next.status.success(), "{next:?}");
    for pid in left {
        until("a left-over service ends", || !Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn two_at_once_in_one_folder_are_refused() {
    let folder = folder();
    let mut child = sleeper(&folder);
    let second = output(&folder, "true");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("--state-dir"), "{second:?}");
    signal(&child, rustix::process::Signal::TERM);
    child.wait().expect("it ends");
}
