//! What a person reads when something is missing at the start: one sentence that says what to do, and an exit code that is not 0.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The program in a bare environment: none of the settings of whoever runs the tests.
fn containrlab(folder: &TempDir, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_containrlab"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("STATE_DIR", folder.path().join("state"))
        .env("LABS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/../labs"))
        .envs(settings.iter().copied())
        .output()
        .expect("the program starts")
}

/// Asserts that the program failed and said exactly one thing, and gives it.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it ended well and said: {said}");
    let ours: Vec<&str> = said.lines().filter(|line| line.starts_with("containrlab: ")).collect();
    assert_eq!(ours.len(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    ours[0].to_owned()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

const TOKEN: (&str, &str) = ("RUNNER_TOKEN", "0123456789abcdef0123456789abcdef");

/// A port that nobody listens on. Somebody may take it before it is used, but then they don't speak PostgreSQL or Redis.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port()
}

#[test]
fn a_missing_setting_is_named_with_what_to_do() {
    let folder = folder();
    for (arguments, settings, expected) in [
        (&["migrate"][..], &[][..], "DATABASE_URL is not set. Give the address of a PostgreSQL"),
        (&["api"], &[], "RUNNER_TOKEN is not set."),
        (&["api"], &[TOKEN], "DATABASE_URL is not set."),
        (&["api"], &[TOKEN, ("DATABASE_URL", "postgres://localhost/x")], "REDIS_URL is not set."),
        (&["runner"], &[], "RUNNER_TOKEN is not set."),
    ] {
        let said = refusal(&containrlab(&folder, arguments, settings));
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(said.contains("`containrlab up`"), "{said}");
    }
}

#[test]
fn a_setting_that_can_t_be_used_is_named() {
    let folder = folder();
    for (variable, value, expected) in [
        ("API_LISTEN", "nonsense", "API_LISTEN is \"nonsense\". Give address:port"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT is \"xml\". Say text or json."),
        ("SESSION_TTL_SECONDS", "-5", "SESSION_TTL_SECONDS is \"-5\". Give a number from"),
        ("RUNNER_TOKEN", "short", "RUNNER_TOKEN is too short"),
        ("LABS_DIR", "/nowhere", "LABS_DIR is /nowhere, where there is no folder."),
        ("PUBLIC_URL", "ftp://labs.example", "PUBLIC_URL starts with \"ftp:\""),
    ] {
        let said = refusal(&containrlab(&folder, &["api"], &[TOKEN, (variable, value)]));
        assert!(said.contains(expected), "{variable}: {said}");
    }
}

#[test]
fn a_mere_name_is_no_sign_in_on_a_public_address() {
    let settings = [TOKEN, ("PUBLIC_URL", "https://labs.example"), ("LOCAL_SIGN_IN", "true")];
    let said = refusal(&containrlab(&folder(), &["api"], &settings));
    assert!(said.contains("LOCAL_SIGN_IN") && said.contains("PUBLIC_URL"), "{said}");
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let url = format!("postgres://somebody:hunter2@127.0.0.1:{}/x", dead_port());
    let said = refusal(&containrlab(&folder(), &["migrate"], &[("DATABASE_URL", &url)]));
    assert!(said.contains("PostgreSQL cannot be reached") && said.contains("DATABASE_URL"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_taken_port_is_said_before_the_databases_are_asked() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let database = format!("postgres://127.0.0.1:{}/x", dead_port());
    let redis = format!("redis://127.0.0.1:{}", dead_port());
    let listen = address.to_string();
    let settings = [TOKEN, ("DATABASE_URL", &database), ("REDIS_URL", &redis), ("API_LISTEN", &listen)];
    for command in ["api", "up"] {
        let said = refusal(&containrlab(&folder(), &[command], &settings));
        let expected = format!("Port {} on 127.0.0.1 is taken by another program.", address.port());
        assert!(said.contains(&expected) && said.contains("API_LISTEN="), "{command}: {said}");
    }
}

#[test]
fn an_engine_that_does_not_answer_is_named() {
    let folder = folder();
    let database = format!("postgres://127.0.0.1:{}/x", dead_port());
    let redis = format!("redis://127.0.0.1:{}", dead_port());
    let engine = format!("unix://{}", folder.path().join("no.sock").display());
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("REDIS_URL", &redis),
        ("DOCKER_HOST", &engine),
        ("API_LISTEN", "127.0.0.1:0"),
    ];
    let said = refusal(&containrlab(&folder, &["up"], &settings));
    assert!(said.contains(&format!("No Docker engine answers at DOCKER_HOST={engine}")), "{said}");
}

#[test]
fn a_folder_that_can_t_be_made_is_named() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let state = folder.path().join("file/state");
    let said = refusal(&containrlab(&folder, &["up"], &[("STATE_DIR", state.to_str().expect("UTF-8"))]));
    assert!(said.contains("Can't make the folder") && said.contains("file/state"), "{said}");
}

#[test]
fn down_and_clean_where_nothing_is_end_well_and_make_nothing() {
    let folder = folder();
    for command in ["down", "clean"] {
        let output = containrlab(&folder, &[command], &[]);
        assert!(output.status.success(), "{output:?}");
    }
    assert!(!folder.path().join("state").exists());
}

#[test]
fn clean_leaves_a_folder_alone_that_is_not_ours() {
    let folder = folder();
    let state = folder.path().join("state");
    std::fs::create_dir_all(state.join("redis")).expect("a folder");
    assert!(containrlab(&folder, &["clean"], &[]).status.success());
    assert!(state.join("redis").is_dir(), "no installation was ever there");
}

#[test]
fn an_unknown_lab_is_refused_before_anything_is_started() {
    let folder = folder();
    for lab in ["no-such-lab", "../lab1", ""] {
        let said = refusal(&containrlab(&folder, &["demo", "--lab", lab], &[]));
        assert!(said.contains("There is no lab"), "{said}");
    }
    assert!(!folder.path().join("state").exists());
}

#[test]
fn a_demo_without_a_server_says_how_to_start_one() {
    let url = format!("http://127.0.0.1:{}", dead_port());
    let said = refusal(&containrlab(&folder(), &["demo", "--url", &url], &[]));
    assert!(said.contains(&url) && said.contains("make up"), "{said}");
}

#[test]
fn labs_are_listed_and_broken_ones_are_named() {
    let good = containrlab(&folder(), &["labs"], &[]);
    assert!(good.status.success());
    assert!(String::from_utf8_lossy(&good.stdout).contains("lab1"));

    let folder = folder();
    let labs = folder.path().join("labs");
    std::fs::create_dir_all(labs.join("broken")).expect("a folder");
    std::fs::write(labs.join("broken/lab.toml"), "title = ").expect("a file");
    let bad = containrlab(&folder, &["labs"], &[("LABS_DIR", labs.to_str().expect("UTF-8"))]);
    assert!(!bad.status.success());
    assert!(
        String::from_utf8_lossy(&bad.stderr).contains(&Path::new("broken/lab.toml").display().to_string())
    );
}
