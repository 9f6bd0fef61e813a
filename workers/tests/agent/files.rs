//! Files.

use std::os::unix::fs::{PermissionsExt, symlink};

use bytes::Bytes;
use containrlab_agent::TEMPORARY_PREFIX;
use containrlab_agent::message::{ErrorCode, FileChange, FileKind};
use containrlab_workers::sandbox::AgentClient;

use crate::support::TestAgent;

fn write(path: &str, content: &str) -> FileChange {
    FileChange::Write { path: path.to_owned(), size: content.len() as u64, executable: None }
}

async fn paths(client: &AgentClient) -> Vec<String> {
    client.files_list(10_000, &[]).await.unwrap().entries.into_iter().map(|entry| entry.path).collect()
}

#[tokio::test]
async fn a_workspace_is_filled_listed_read_and_changed() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let changes = vec![
        write("Dockerfile", "FROM scratch\n"),
        FileChange::Write { path: "bin/start".to_owned(), size: 3, executable: Some(true) },
        FileChange::MakeFolder { path: "empty/deep".to_owned() },
        write("naïve 🐳.txt", ""),
    ];
    client.files_apply(changes, Bytes::from_static(b"FROM scratch\n#!x")).await.unwrap();
    let listing = client.files_list(100, &[]).await.unwrap();
    let seen: Vec<(&str, FileKind, u64, u32)> = listing
        .entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry.kind, entry.size, entry.mode))
        .collect();
    assert_eq!(
        seen,
        [
            ("Dockerfile", FileKind::File, 13, 0o644),
            ("bin", FileKind::Folder, 0, 0o755),
            ("bin/start", FileKind::File, 3, 0o755),
            ("empty", FileKind::Folder, 0, 0o755),
            ("empty/deep", FileKind::Folder, 0, 0o755),
            ("naïve 🐳.txt", FileKind::File, 0, 0o644),
        ]
    );
    assert!(!listing.truncated);

    let (entry, content) = client.file_read("bin/start", 100).await.unwrap();
    assert_eq!((&content[..], entry.mode), (&b"#!x"[..], 0o755));
    // Written anew it keeps its bits, unless told otherwise.
    client.file_write("bin/start", Bytes::from_static(b"new"), None).await.unwrap();
    assert_eq!(client.file_read("bin/start", 3).await.unwrap().0.mode, 0o755);
    client.file_write("bin/start", Bytes::from_static(b"new"), Some(false)).await.unwrap();
    assert_eq!(client.file_read("bin/start", 3).await.unwrap().0.mode, 0o644);

    client.file_rename("bin/start", "tools/deep/begin").await.unwrap();
    client.file_delete("empty").await.unwrap();
    client.folder_make("bin").await.unwrap();
    assert_eq!(
        paths(&client).await,
        ["Dockerfile", "bin", "naïve 🐳.txt", "tools", "tools/deep", "tools/deep/begin"]
    );
    let ignoring = client.files_list(100, &["deep", "bin"]).await.unwrap();
    let seen: Vec<&str> = ignoring.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(seen, ["Dockerfile", "naïve 🐳.txt", "tools"]);
}

#[tokio::test]
async fn many_and_large_files_go_in_one_call() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mut changes = Vec::new();
    let mut contents = Vec::new();
    for n in 0..2000usize {
        let size = if n == 7 { 3_000_000 } else { n };
        changes.push(FileChange::Write {
            path: format!("folder{}/file{n}", n % 40),
            size: size as u64,
            executable: None,
        });
        contents.extend(std::iter::repeat_n(n as u8, size));
    }
    client.files_apply(changes, Bytes::from(contents)).await.unwrap();
    for n in [0, 1, 7, 8, 1999] {
        let size = if n == 7 { 3_000_000 } else { n };
        let (_, content) = client.file_read(&format!("folder{}/file{n}", n % 40), 8 << 20).await.unwrap();
        assert!(content.len() == size && content.iter().all(|byte| *byte == n as u8));
    }
    let all = client.files_list(10_000, &[]).await.unwrap();
    assert_eq!((all.entries.len(), all.truncated), (2040, false));
    let cut = client.files_list(100, &[]).await.unwrap();
    assert_eq!((cut.entries.len(), cut.truncated), (100, true));
}

#[tokio::test]
async fn paths_out_of_the_workspace_are_refused_everywhere() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    client.file_write("inside", Bytes::from_static(b"in"), None).await.unwrap();
    let outside = agent.workspace().parent().unwrap().join("outside");
    std::fs::write(&outside, "secret").unwrap();
    let long = "x/".repeat(2100) + "x";
    for path in [
        "",
        "/etc/passwd",
        "..",
        "../outside",
        "a/../../outside",
        "./inside",
        "a//b",
        "a\0b",
        &long,
        &"n".repeat(256),
    ] {
        let refusals = [
            client.file_read(path, 100).await.map(drop),
            client.file_write(path, Bytes::from_static(b"x"), None).await,
            client.folder_make(path).await,
            client.file_delete(path).await,
            client.file_rename("inside", path).await,
            client.file_rename(path, "new").await,
        ];
        for (n, refusal) in refusals.into_iter().enumerate() {
            let error = refusal.unwrap_err();
            assert!(error.is(ErrorCode::BadPath), "operation {n} on {path:?}: {error:?}");
        }
    }
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "secret");
    assert_eq!(paths(&client).await, ["inside"]);
}

#[tokio::test]
async fn links_are_listed_and_deleted_but_never_followed() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let outside = agent.workspace().parent().unwrap().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), "secret").unwrap();
    let ws = agent.workspace();
    symlink(&outside, ws.join("out")).unwrap();
    symlink(outside.join("file"), ws.join("file")).unwrap();
    symlink("real", ws.join("within")).unwrap();
    std::fs::create_dir(ws.join("real")).unwrap();
    symlink("nowhere", ws.join("dangling")).unwrap();

    for path in ["file", "out/file", "within/x", "dangling"] {
        for (n, refusal) in [
            client.file_read(path, 100).await.map(drop),
            client.file_write(path, Bytes::from_static(b"x"), None).await,
        ]
        .into_iter()
        .enumerate()
        {
            let error = refusal.unwrap_err();
            assert!(error.is(ErrorCode::Link), "operation {n} on {path}: {error:?}");
        }
    }
    for refusal in [
        client.folder_make("out/new").await,
        client.file_delete("out/file").await,
        client.file_rename("out/file", "mine").await,
    ] {
        assert!(refusal.unwrap_err().is(ErrorCode::Link));
    }
    let kinds: Vec<(String, FileKind)> = client
        .files_list(100, &[])
        .await
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| (entry.path, entry.kind))
        .collect();
    assert_eq!(kinds.len(), 5, "nothing behind a link is listed: {kinds:?}");
    assert!(kinds.iter().filter(|(_, kind)| *kind == FileKind::Link).count() == 4);

    client.file_delete("out").await.unwrap();
    client.file_delete("file").await.unwrap();
    assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), "secret");
    // A link deep in a deleted folder goes without what it leads to.
    std::fs::create_dir_all(ws.join("tree/deep")).unwrap();
    symlink(&outside, ws.join("tree/deep/link")).unwrap();
    client.file_delete("tree").await.unwrap();
    assert!(!ws.join("tree").exists() && outside.join("file").exists());
}

#[tokio::test]
async fn special_files_are_never_opened() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let pipe = agent.workspace().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(agent.workspace().join("socket")).unwrap();
    for path in ["pipe", "socket"] {
        let error = client.file_read(path, 100).await.unwrap_err();
        assert!(error.is(ErrorCode::NotAFile), "{path}: {error:?}");
        let error = client.file_write(path, Bytes::from_static(b"x"), None).await.unwrap_err();
        assert!(error.is(ErrorCode::NotAFile), "{path}: {error:?}");
        client.file_delete(path).await.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    client.file_write("file", Bytes::from_static(b"12345"), None).await.unwrap();
    client.folder_make("folder").await.unwrap();
    assert!(client.file_read("file", 4).await.unwrap_err().is(ErrorCode::TooLarge));
    assert_eq!(&client.file_read("file", 5).await.unwrap().1[..], b"12345");
    assert!(client.file_read("none", 5).await.unwrap_err().is(ErrorCode::NotFound));
    assert!(client.file_read("folder", 5).await.unwrap_err().is(ErrorCode::NotAFile));
    assert!(client.file_read("file/x", 5).await.unwrap_err().is(ErrorCode::NotAFolder));
    assert!(client.file_write("folder", Bytes::new(), None).await.unwrap_err().is(ErrorCode::NotAFile));
    assert!(client.file_write("file/x", Bytes::new(), None).await.unwrap_err().is(ErrorCode::NotAFolder));
    assert!(client.folder_make("file").await.unwrap_err().is(ErrorCode::NotAFolder));
    assert!(client.file_delete("none").await.unwrap_err().is(ErrorCode::NotFound));
    assert!(client.file_rename("file", "folder").await.unwrap_err().is(ErrorCode::Exists));
    assert!(client.file_rename("folder", "folder/in/itself").await.is_err());
    assert!(client.file_rename("none", "a/b").await.unwrap_err().is(ErrorCode::NotFound));
    client.file_delete("folder").await.unwrap();
    // A set with a bad path in it does nothing at all.
    let set = vec![write("first", "x"), write("../second", "y")];
    assert!(client.files_apply(set, Bytes::from_static(b"xy")).await.unwrap_err().is(ErrorCode::BadPath));
    let missing_is_fine =
        vec![FileChange::Delete { path: "none".to_owned(), may_be_missing: true }, write("after", "")];
    client.files_apply(missing_is_fine, Bytes::new()).await.unwrap();
    assert_eq!(paths(&client).await, ["after", "file"]);
}

#[tokio::test]
async fn writers_at_the_same_time_never_mix_a_file() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let writers = (0..8u8).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                client.file_write("shared/file", Bytes::from(vec![n; 50_000]), None).await.unwrap();
                let (_, content) = client.file_read("shared/file", 1 << 20).await.unwrap();
                assert_eq!(content.len(), 50_000);
                assert!(content.iter().all(|byte| *byte == content[0]));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(paths(&client).await, ["shared", "shared/file"]);
    let left: Vec<_> = std::fs::read_dir(agent.workspace().join("shared"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX))
        .collect();
    assert!(left.is_empty());
}

#[tokio::test]
async fn folders_that_are_closed_to_their_owner_can_be_deleted() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let folder = agent.workspace().join("closed/inner");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("file"), "x").unwrap();
    for closed in [folder.clone(), agent.workspace().join("closed")] {
        std::fs::set_permissions(closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    client.file_delete("closed").await.unwrap();
    assert!(paths(&client).await.is_empty());
}
