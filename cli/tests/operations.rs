//! What an operator does with the event log, by the real program on the real databases.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{LearnerId, RequestId};
use containrlab_domain::learner::{Learner, LearnerCommand, Provider};
use containrlab_store::testing::TestStore;
use uuid::Uuid;

/// The program, on this database, in a folder where nothing runs.
fn containrlab(store: &TestStore, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_containrlab"));
    command
        .args(arguments)
        .env("DATABASE_URL", &store.settings().database_url)
        .env("REDIS_URL", &store.settings().redis_url)
        .env("REDIS_NAMESPACE", &store.settings().namespace)
        .env("STATE_DIR", folder.join("state"))
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

async fn register(store: &TestStore, name: &str) -> LearnerId {
    let learner = LearnerId(Uuid::new_v4());
    let subject = learner.to_string();
    let command =
        LearnerCommand::Register { learner, provider: Provider::Local, subject, name: name.to_owned() };
    let by = Provenance { actor: Actor::System("test"), request: RequestId(Uuid::new_v4()) };
    store.execute::<Learner>(learner.0, command, &by).await.expect("registered");
    learner
}

#[tokio::test]
async fn a_ledger_moves_by_a_file_and_by_a_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, by_file, by_pipe) = (TestStore::new().await, TestStore::new().await, TestStore::new().await);
    let ada = register(&old, "Ada").await;
    let file = folder.path().join("ledger.jsonl");
    let file = file.to_str().expect("a path");
    let exported = containrlab(&old, folder.path(), &["events", "export", file]).output().expect("runs");
    assert_eq!(said(&exported, 0), "");
    let imported = containrlab(&by_file, folder.path(), &["events", "import", file]).output().expect("runs");
    assert!(said(&imported, 0).contains("1 events"), "{imported:?}");
    assert_eq!(by_file.learner(ada).await.expect("read"), old.learner(ada).await.expect("read"));
    // A second time it would be the same events twice.
    let again = containrlab(&by_file, folder.path(), &["events", "import", file]).output().expect("runs");
    said(&again, 1);
    assert!(String::from_utf8_lossy(&again.stderr).contains("empty"), "{again:?}");

    let mut export = containrlab(&old, folder.path(), &["events", "export", "-"]);
    let mut export = export.stdout(Stdio::piped()).spawn().expect("runs");
    let lines = export.stdout.take().expect("a pipe");
    let imported = containrlab(&by_pipe, folder.path(), &["events", "import", "-"]).stdin(lines).output();
    said(&imported.expect("runs"), 0);
    assert!(export.wait().expect("ends").success());
    assert_eq!(by_pipe.learner(ada).await.expect("read"), old.learner(ada).await.expect("read"));
}

#[tokio::test]
async fn damage_is_told_and_gives_a_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = TestStore::new().await;
    register(&store, "Ada").await;
    let verify = || containrlab(&store, folder.path(), &["events", "verify"]).output().expect("runs");
    assert!(said(&verify(), 0).contains("1 events in 1 streams, 0 versions of labs: 0 damaged"));
    store.sql().await.execute("update events set sequence = 2", &[]).await.expect("damaged");
    let text = said(&verify(), 1);
    assert!(text.contains("gap: learner") && text.contains("1 damaged"), "{text}");
}

#[tokio::test]
async fn projections_say_where_they_stand_and_are_built_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = TestStore::new().await;
    register(&store, "Ada").await;
    let run = |arguments: &[&str]| containrlab(&store, folder.path(), arguments).output().expect("runs");
    let status = said(&run(&["projections", "status"]), 0);
    assert!(status.contains("lab_statistics") && status.contains("live"), "{status}");
    let rebuilt = said(&run(&["projections", "rebuild"]), 0);
    assert!(rebuilt.contains("lab_statistics: built anew"), "{rebuilt}");
    said(&run(&["projections", "rebuild", "lab_statistics"]), 0);
    let wrong = run(&["projections", "rebuild", "nonsense"]);
    said(&wrong, 1);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("lab_statistics"), "{wrong:?}");
}
