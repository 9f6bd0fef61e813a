//! Files.

use containrlab_domain::ids::{BlobHash, SessionId};
use containrlab_domain::workspace::{Expected, FileEntry, WorkspaceCommand, WorkspacePath};
use serde_json::{Value, json};

use crate::support::{Person, Runner, Served};

fn file(session: SessionId, path: &str) -> String {
    format!("/api/files?session={session}&path={path}")
}

async fn list(person: &Person, session: SessionId) -> Vec<String> {
    let list = person.get(&format!("/api/files?session={session}")).await.expect(200).json();
    let files = list["files"].as_array().expect("files");
    files.iter().map(|file| file["path"].as_str().expect("a path").to_owned()).collect()
}

#[tokio::test]
async fn a_file_is_written_read_renamed_and_deleted() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let text = "FROM python:3.13-slim\n# grüße 🐳\n";
    let written = ada.put(&file(id, "Dockerfile"), json!({ "content": text })).await.expect(200).json();
    assert_eq!(written["hash"], json!(BlobHash::of(text.as_bytes())));
    assert_eq!(written["size"], text.len());
    let read = ada.get(&file(id, "Dockerfile")).await.expect(200).json();
    assert_eq!(read["content"], text);
    assert_eq!(read["hash"], written["hash"]);
    let raw = ada.get(&format!("/api/files/raw?session={id}&path=Dockerfile")).await.expect(200);
    assert_eq!(raw.text, text);
    assert_eq!(raw.headers["content-disposition"], "attachment");

    // As the page's script says it, in the body.
    let rename = json!({ "session": id, "from": "Dockerfile", "to": "docker/Dockerfile" });
    let renamed = ada.post("/api/files/rename", rename).await.expect(200).json();
    assert!(renamed["version"].as_u64() > written["version"].as_u64());
    ada.get(&file(id, "Dockerfile")).await.problem(404, "file_not_found");
    assert_eq!(ada.get(&file(id, "docker/Dockerfile")).await.expect(200).json()["content"], text);

    ada.delete(&file(id, "docker")).await.expect(204);
    assert!(!list(&ada, id).await.iter().any(|path| path.starts_with("docker")));
    ada.delete(&file(id, "docker")).await.problem(404, "file_not_found");
}

#[tokio::test]
async fn files_and_folders_are_made_where_nothing_is() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let made =
        ada.post("/api/files", json!({ "session": id, "path": "run.sh", "kind": "file" })).await.expect(201);
    assert_eq!((&made.json()["size"], &made.json()["path"]), (&json!(0), &json!("run.sh")));
    ada.post("/api/files", json!({ "session": id, "path": "src", "kind": "folder" })).await.expect(201);
    let all = ada.get(&format!("/api/files?session={id}")).await.expect(200).json();
    assert_eq!(all["folders"], json!(["src"]));

    for taken in [json!({ "kind": "file" }), json!({ "kind": "folder" })] {
        ada.post(&file(id, "run.sh"), taken.clone()).await.problem(409, "already_there");
        ada.post(&file(id, "src"), taken).await.problem(409, "already_there");
    }
    ada.put(&file(id, "src"), json!({ "content": "x" })).await.problem(409, "is_a_folder");
    ada.put(&file(id, "run.sh/x"), json!({ "content": "x" })).await.problem(409, "is_a_file");
    ada.get(&file(id, "src")).await.problem(409, "is_a_folder");
    let into_itself = json!({ "from": "src", "to": "src/deeper" });
    ada.post(&format!("/api/files/rename?session={id}"), into_itself).await.problem(409, "into_itself");
}

#[tokio::test]
async fn a_write_over_what_somebody_else_changed_is_refused_with_what_is_there() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let path = file(id, "notes.txt");
    let first = ada.put(&path, json!({ "content": "one" })).await.expect(200).json()["hash"].clone();
    let second = ada.put(&path, json!({ "content": "two", "expected_hash": first })).await.expect(200).json()
        ["hash"]
        .clone();
    let problem = ada
        .put(&path, json!({ "content": "three", "expected_hash": first }))
        .await
        .problem(409, "changed_meanwhile");
    assert_eq!(problem["current_hash"], second);
    assert_eq!(ada.get(&path).await.json()["content"], "two");

    ada.delete(&path).await.expect(204);
    let gone = ada
        .put(&path, json!({ "content": "three", "expected_hash": second }))
        .await
        .problem(409, "changed_meanwhile");
    assert_eq!(gone["current_hash"], Value::Null);
    ada.put(&path, json!({ "content": "three", "expected_hash": null })).await.expect(200);
}

#[tokio::test]
async fn a_change_in_the_terminal_is_seen_and_its_mode_is_kept() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    let runner = Runner::new(&api).await;
    let bytes = b"#!/bin/sh\n";
    api.put_blob(bytes).await.expect("kept");
    let entry = FileEntry { hash: BlobHash::of(bytes), size: bytes.len() as u64, executable: true };
    let path = WorkspacePath::new("run.sh").expect("a path");
    runner.in_terminal(id, WorkspaceCommand::Write { path, entry, expected: Expected::Anything }).await;
    let read = ada.get(&file(id, "run.sh")).await.expect(200).json();
    assert_eq!((&read["content"], &read["executable"]), (&json!("#!/bin/sh\n"), &json!(true)));
    let saved = ada.put(&file(id, "run.sh"), json!({ "content": "#!/bin/bash\n" })).await.expect(200).json();
    assert_eq!(saved["executable"], true);
}

#[tokio::test]
async fn an_ended_sessions_files_can_be_read_and_not_changed() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    ada.delete(&format!("/api/sessions/{id}")).await.expect(202);
    ada.get(&file(id, "app.py")).await.expect(200);
    ada.put(&file(id, "app.py"), json!({ "content": "" })).await.problem(409, "session_ended");
    ada.delete(&file(id, "app.py")).await.problem(409, "session_ended");
}
