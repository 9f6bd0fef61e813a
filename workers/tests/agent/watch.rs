//! Watching the workspace.

use std::collections::BTreeSet;

use bytes::Bytes;
use containrlab_workers::sandbox::Watch;

use crate::support::{TestAgent, soon};

/// Reads news until all of these are told of; returns all that was told.
async fn told_of(watch: &mut Watch, paths: &[&str]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    soon(&format!("news of {paths:?}"), async {
        while !paths.iter().all(|path| told.contains(*path)) {
            let changed = watch.next().await.unwrap();
            assert!(!changed.rescan);
            told.extend(changed.paths);
        }
    })
    .await;
    told
}

#[tokio::test]
async fn files_in_new_nested_folders_are_told_of() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let ws = agent.workspace();
    std::fs::create_dir(ws.join("old")).unwrap();
    std::fs::write(ws.join("old/file"), "1").unwrap();
    let mut watch = client.watch(&[]).await.unwrap();

    std::fs::write(ws.join("old/file"), "2").unwrap();
    told_of(&mut watch, &["old/file"]).await;
    // Faster than a watch could be set on each folder.
    std::fs::create_dir_all(ws.join("a/b/c/d")).unwrap();
    std::fs::write(ws.join("a/b/c/d/file"), "x").unwrap();
    std::fs::write(ws.join("a/b/file"), "x").unwrap();
    told_of(&mut watch, &["a", "a/b/file", "a/b/c/d/file"]).await;
    // And later within them.
    std::fs::write(ws.join("a/b/c/d/later"), "x").unwrap();
    told_of(&mut watch, &["a/b/c/d/later"]).await;
    std::fs::remove_file(ws.join("a/b/file")).unwrap();
    told_of(&mut watch, &["a/b/file"]).await;
}

#[tokio::test]
async fn a_moved_folder_is_followed_under_its_new_name() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let ws = agent.workspace();
    std::fs::create_dir_all(ws.join("before/inner")).unwrap();
    std::fs::write(ws.join("before/inner/file"), "x").unwrap();
    let mut watch = client.watch(&[]).await.unwrap();
    std::fs::rename(ws.join("before"), ws.join("after")).unwrap();
    told_of(&mut watch, &["before", "after", "after/inner", "after/inner/file"]).await;
    std::fs::write(ws.join("after/inner/file"), "changed").unwrap();
    let told = told_of(&mut watch, &["after/inner/file"]).await;
    assert!(!told.iter().any(|path| path.starts_with("before")), "{told:?}");
    // Out of the workspace and changed there: nobody's business.
    let outside = ws.parent().unwrap().join("outside");
    std::fs::rename(ws.join("after"), &outside).unwrap();
    told_of(&mut watch, &["after"]).await;
    std::fs::write(outside.join("inner/file"), "secret").unwrap();
    std::fs::write(ws.join("end"), "").unwrap();
    let told = told_of(&mut watch, &["end"]).await;
    assert_eq!(told, ["end".to_owned()].into());
}

#[tokio::test]
async fn ignored_names_and_the_agents_own_temporary_files_are_not_told_of() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let ws = agent.workspace();
    std::fs::create_dir_all(ws.join("deep/node_modules/x")).unwrap();
    let mut watch = client.watch(&[".git", "node_modules"]).await.unwrap();
    std::fs::create_dir_all(ws.join(".git/objects")).unwrap();
    std::fs::write(ws.join(".git/objects/1"), "x").unwrap();
    std::fs::write(ws.join("deep/node_modules/x/1"), "x").unwrap();
    client.file_write("deep/file", Bytes::from_static(b"x"), None).await.unwrap();
    let told = told_of(&mut watch, &["deep/file"]).await;
    assert_eq!(told, ["deep/file".to_owned()].into());
}

#[tokio::test]
async fn too_much_is_told_as_a_rescan() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let ws = agent.workspace();
    let elsewhere = ws.parent().unwrap().join("elsewhere");
    for folder in 0..50 {
        let folder = elsewhere.join(format!("folder{folder}"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..100 {
            std::fs::write(folder.join(format!("{file}")), "x").unwrap();
        }
    }
    let mut watch = client.watch(&[]).await.unwrap();
    // All at once.
    std::fs::rename(elsewhere, ws.join("here")).unwrap();
    soon("the rescan", async { while !watch.next().await.unwrap().rescan {} }).await;
    // It goes on after that, in the new folders too.
    std::fs::write(ws.join("here/folder49/after"), "x").unwrap();
    soon("what came after", async {
        while !watch.next().await.unwrap().paths.iter().any(|path| path == "here/folder49/after") {}
    })
    .await;
}

#[tokio::test]
async fn a_broken_connection_means_a_rescan_and_then_news_again() {
    let agent = TestAgent::start().await;
    let client = agent.client().await;
    let mut watch = client.watch(&[]).await.unwrap();
    agent.cut();
    std::fs::write(agent.workspace().join("meanwhile"), "x").unwrap();
    assert!(soon("the rescan", watch.next()).await.unwrap().rescan);
    std::fs::write(agent.workspace().join("after"), "x").unwrap();
    told_of(&mut watch, &["after"]).await;
}
