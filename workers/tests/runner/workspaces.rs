//! The two copies of a workspace.

use std::os::unix::fs::PermissionsExt;

use containrlab_domain::ids::{LearnerId, SessionId};
use containrlab_domain::session::{Origin, Phase};
use uuid::Uuid;

use crate::house::{House, content, delete, limits, path, request_end, save, tree, until, until_phase};

async fn has(house: &House, session: SessionId, name: &str, text: &str) {
    until(&format!("the ledger has {name}: {text}"), async || {
        content(&house.store, session, name).await.as_deref() == Some(text)
    })
    .await;
}

#[tokio::test]
async fn a_new_session_begins_with_the_labs_files() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    let lab = house.labs.get(&house.lab("lab1").slug).unwrap();
    assert!(!lab.lab.starter.is_empty());
    for (name, bytes) in &lab.lab.starter {
        assert_eq!(&std::fs::read(folder.join(name)).unwrap(), bytes, "{name}");
    }
    let events = house.store.timeline(session, 0, 1000).await.unwrap();
    let by_terminal = events.iter().filter(|event| format!("{:?}", event.actor).contains("Terminal"));
    assert_eq!(by_terminal.count(), 0, "what the platform wrote is no news from the terminal");
}

#[tokio::test]
async fn what_is_saved_in_the_editor_reaches_the_sandbox() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    save(&house.store, session, "deep/in/a.txt", "saved").await;
    until("it is written", async || {
        std::fs::read_to_string(folder.join("deep/in/a.txt")).is_ok_and(|text| text == "saved")
    })
    .await;
    delete(&house.store, session, "deep").await;
    until("it is gone", async || !folder.join("deep").exists()).await;
}

#[tokio::test]
async fn what_is_changed_in_the_terminal_becomes_events() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;

    std::fs::write(folder.join("new.txt"), "1").unwrap();
    has(&house, session, "new.txt", "1").await;
    std::fs::write(folder.join("new.txt"), "2").unwrap();
    has(&house, session, "new.txt", "2").await;
    std::fs::create_dir_all(folder.join("some/empty")).unwrap();
    std::fs::write(folder.join("run.sh"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(folder.join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    until("folder and program are there", async || {
        let tree = tree(&house.store, session).await;
        tree.folders.contains(&path("some/empty"))
            && tree.files.get(&path("run.sh")).is_some_and(|e| e.executable)
    })
    .await;
    std::fs::create_dir(folder.join("lib")).unwrap();
    std::fs::rename(folder.join("new.txt"), folder.join("lib/moved.txt")).unwrap();
    std::fs::remove_dir_all(folder.join("some")).unwrap();
    until("it moved", async || {
        let tree = tree(&house.store, session).await;
        tree.files.contains_key(&path("lib/moved.txt"))
            && !tree.files.contains_key(&path("new.txt"))
            && !tree.has_folder(&path("some"))
    })
    .await;
}

#[tokio::test]
async fn what_tools_make_again_stays_out_and_what_cannot_be_kept_is_said_once() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    std::fs::create_dir_all(folder.join("node_modules/x")).unwrap();
    std::fs::write(folder.join("node_modules/x/y.js"), "x").unwrap();
    std::fs::write(folder.join(".app.py.swp"), "x").unwrap();
    std::fs::write(folder.join("big"), vec![b'x'; limits().file_bytes as usize + 1]).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    std::fs::write(folder.join("small"), "x").unwrap();
    let notes = async || {
        let events = house.store.timeline(session, 0, 1000).await.unwrap();
        let notes = events.into_iter().filter(|event| event.event_type == "FileNotKept");
        notes.map(|event| event.payload["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until("both are noted", async || notes().await.len() >= 2).await;
    has(&house, session, "small", "x").await;
    for n in 0..3 {
        std::fs::write(folder.join("small"), n.to_string()).unwrap();
        flush(runner.gateway, session).await;
        assert_eq!(content(&house.store, session, "small").await, Some(n.to_string()));
    }
    let mut noted = notes().await;
    noted.sort();
    assert_eq!(noted, ["big", "link"]);
    let kept = tree(&house.store, session).await;
    assert!(
        kept.files
            .keys()
            .all(|path| !path.as_str().contains("node_modules") && !path.as_str().contains("swp"))
    );
}

#[tokio::test]
async fn a_flush_leaves_nothing_behind() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    for n in 0..20 {
        std::fs::write(folder.join("a.txt"), n.to_string()).unwrap();
        flush(runner.gateway, session).await;
        assert_eq!(content(&house.store, session, "a.txt").await, Some(n.to_string()));
    }
}

#[tokio::test]
async fn many_files_at_once_are_one_append() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    std::fs::create_dir(folder.join("many")).unwrap();
    for n in 0..1000 {
        std::fs::write(folder.join(format!("many/{n}")), n.to_string()).unwrap();
    }
    flush(runner.gateway, session).await;
    let tree = tree(&house.store, session).await;
    assert_eq!(tree.files.keys().filter(|file| file.is_below(&path("many"))).count(), 1000);
    // In one step: of a folder that goes file by file, a look may come upon what is left.
    std::fs::rename(folder.join("many"), folder.with_file_name("moved-away")).unwrap();
    flush(runner.gateway, session).await;
    let events = house.store.timeline(session, 0, 5000).await.unwrap();
    let deletions = events.iter().filter(|event| event.event_type == "FileDeleted").count();
    assert!(deletions <= 3, "{deletions} events for one folder");
}

#[tokio::test]
async fn both_sides_at_once_lose_nothing() {
    let house = House::new().await;
    let runner = house.start_runner().await;
    let session = house.ready_session("lab1").await;
    let folder = house.folder_of(session).await;
    for n in 0..30 {
        std::fs::write(folder.join("both.txt"), format!("terminal {n}")).unwrap();
        save(&house.store, session, "both.txt", &format!("editor {n}")).await;
        save(&house.store, session, &format!("e{n}"), "e").await;
        std::fs::write(folder.join(format!("t{n}")), "t").unwrap();
    }
    flush(runner.gateway, session).await;
    let in_ledger = content(&house.store, session, "both.txt").await.unwrap();
    until("both copies are alike", async || {
        let tree = tree(&house.store, session).await;
        let ledger = content(&house.store, session, "both.txt").await.unwrap();
        let sandbox = std::fs::read_to_string(folder.join("both.txt")).unwrap();
        let all = (0..30).all(|n| {
            folder.join(format!("e{n}")).exists() && tree.files.contains_key(&path(&format!("t{n}")))
        });
        ledger == sandbox && all
    })
    .await;
    assert!(in_ledger.ends_with("29"), "an older version won: {in_ledger}");
}

#[tokio::test]
async fn the_last_changes_are_kept_and_the_next_session_goes_on_from_them() {
    let house = House::new().await;
    let _runner = house.start_runner().await;
    let learner = LearnerId(Uuid::now_v7());
    let session = house.request_session_of(learner, "lab1", Origin::Starter).await;
    until_phase(&house.store, session, Phase::Ready).await;
    let folder = house.folder_of(session).await;
    std::fs::write(folder.join("app.py"), "my own").unwrap();
    request_end(&house.store, session).await;
    until("it is over", async || house.store.session(session).await.unwrap().unwrap().phase == Phase::Ended)
        .await;
    assert_eq!(content(&house.store, session, "app.py").await.as_deref(), Some("my own"));

    let next = house.request_session_of(learner, "lab1", Origin::Continued { session }).await;
    until_phase(&house.store, next, Phase::Ready).await;
    let folder = house.folder_of(next).await;
    assert_eq!(std::fs::read_to_string(folder.join("app.py")).unwrap(), "my own");
}

pub(crate) async fn flush(gateway: std::net::SocketAddr, session: SessionId) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(gateway).await.unwrap();
    let token = crate::house::TOKEN;
    let request = format!(
        "POST /sessions/{session}/flush HTTP/1.1\r\nhost: runner\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}
