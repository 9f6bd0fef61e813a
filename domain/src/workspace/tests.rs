use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::*;

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).unwrap()
}

fn entry(text: &str) -> FileEntry {
    FileEntry { hash: BlobHash::of(text.as_bytes()), size: text.len() as u64, executable: false }
}

fn opened_with(files: &[(&str, &str)], limits: WorkspaceLimits) -> WorkspaceEvent {
    let files = files.iter().map(|(name, text)| (path(name), entry(text))).collect();
    WorkspaceEvent::Opened { origin: Origin::Starter, tree: Tree { files, ..Tree::default() }, limits }
}

fn given(files: &[(&str, &str)]) -> AggregateTestExecutor<Workspace> {
    TestFramework::<Workspace>::with(()).given(vec![opened_with(files, WorkspaceLimits::default())])
}

fn write(name: &str, text: &str, expected: Expected) -> WorkspaceCommand {
    WorkspaceCommand::Write { path: path(name), entry: entry(text), expected }
}

fn written(name: &str, text: &str) -> WorkspaceEvent {
    WorkspaceEvent::FileWritten { path: path(name), entry: entry(text) }
}

#[test]
fn a_file_is_written_and_the_same_again_is_no_event() {
    given(&[]).when(write("a", "1", Expected::Nothing)).then_expect_events(vec![written("a", "1")]);
    given(&[("a", "1")]).when(write("a", "1", Expected::Anything)).then_expect_events(vec![]);
}

#[test]
fn an_editor_that_is_behind_is_told_instead_of_overwriting() {
    given(&[("a", "from the terminal")])
        .when(write("a", "mine", Expected::Content(BlobHash::of(b"what I opened"))))
        .then_expect_error(WorkspaceError::ChangedMeanwhile {
            path: path("a"),
            current: Some(BlobHash::of(b"from the terminal")),
        });
    given(&[("a", "1")])
        .when(write("a", "2", Expected::Nothing))
        .then_expect_error(WorkspaceError::AlreadyThere(path("a")));
}

#[test]
fn files_and_folders_do_not_take_each_others_place() {
    given(&[("a", "1")])
        .when(write("a/b", "2", Expected::Anything))
        .then_expect_error(WorkspaceError::IsAFile(path("a")));
    given(&[("a/b", "1")])
        .when(write("a", "2", Expected::Anything))
        .then_expect_error(WorkspaceError::IsAFolder(path("a")));
    given(&[("a", "1")])
        .when(WorkspaceCommand::CreateFolder { path: path("a") })
        .then_expect_error(WorkspaceError::AlreadyThere(path("a")));
}

#[test]
fn the_limits_hold() {
    let limits = WorkspaceLimits { file_bytes: 4, total_bytes: 6, entries: 2 };
    let given =
        |files: &[(&str, &str)]| TestFramework::<Workspace>::with(()).given(vec![opened_with(files, limits)]);
    given(&[])
        .when(write("a", "12345", Expected::Anything))
        .then_expect_error(WorkspaceError::FileTooLarge { size: 5, limit: 4 });
    given(&[("a", "1234")])
        .when(write("b", "123", Expected::Anything))
        .then_expect_error(WorkspaceError::WorkspaceFull { limit: 6 });
    given(&[("a", "1"), ("b", "1")])
        .when(write("c", "1", Expected::Anything))
        .then_expect_error(WorkspaceError::TooManyFiles { limit: 2 });
    given(&[("a", "1234"), ("b", "12")])
        .when(write("a", "4321", Expected::Anything))
        .then_expect_events(vec![written("a", "4321")]);
}

#[test]
fn a_folder_moves_with_all_that_lies_in_it() {
    let mut workspace = Workspace::default();
    workspace.apply(opened_with(
        &[("src/a", "1"), ("src/deep/b", "2"), ("srcfoo", "3")],
        WorkspaceLimits::default(),
    ));
    workspace.apply(WorkspaceEvent::Renamed { from: path("src"), to: path("lib") });
    let names: Vec<_> = workspace.tree().files.keys().map(WorkspacePath::as_str).collect();
    assert_eq!(names, ["lib/a", "lib/deep/b", "srcfoo"]);
    workspace.apply(WorkspaceEvent::Deleted { path: path("lib") });
    let names: Vec<_> = workspace.tree().files.keys().map(WorkspacePath::as_str).collect();
    assert_eq!(names, ["srcfoo"]);
}

#[test]
fn a_rename_neither_overwrites_nor_swallows_itself() {
    let rename = |from: &str, to: &str| WorkspaceCommand::Rename { from: path(from), to: path(to) };
    given(&[("a", "1"), ("b", "2")])
        .when(rename("a", "b"))
        .then_expect_error(WorkspaceError::AlreadyThere(path("b")));
    given(&[("a/x", "1")]).when(rename("a", "a/b")).then_expect_error(WorkspaceError::IntoItself);
    given(&[]).when(rename("a", "b")).then_expect_error(WorkspaceError::NotFound(path("a")));
}

#[test]
fn what_cannot_be_kept_is_said_once() {
    let note = WorkspaceCommand::NoteNotKept { path: path("big"), reason: "too large".to_owned() };
    let noted = WorkspaceEvent::NotKept { path: path("big"), reason: "too large".to_owned() };
    given(&[]).when(note.clone()).then_expect_events(vec![noted.clone()]);
    given(&[]).and(vec![noted]).when(note).then_expect_events(vec![]);
}

#[test]
fn what_was_seen_is_recorded_in_one_go_and_what_does_not_fit_is_noted() {
    let limits = WorkspaceLimits { file_bytes: 4, total_bytes: 100, entries: 100 };
    let seen = |name: &str, text: &str| Observed::File { path: path(name), entry: entry(text) };
    let gone = |name: &str| Observed::Gone { path: path(name) };
    TestFramework::<Workspace>::with(())
        .given(vec![opened_with(&[("a", "1"), ("old/b", "2")], limits)])
        .when(WorkspaceCommand::Observe {
            changes: vec![
                gone("a"),
                gone("old"),
                gone("old/b"),
                seen("a/now/a/folder", "3"),
                seen("big", "12345"),
                Observed::Folder { path: path("empty") },
            ],
        })
        .then_expect_events(vec![
            WorkspaceEvent::Deleted { path: path("a") },
            WorkspaceEvent::Deleted { path: path("old") },
            written("a/now/a/folder", "3"),
            WorkspaceEvent::NotKept {
                path: path("big"),
                reason: "the file has 5 bytes; a file may have 4 at most".to_owned(),
            },
            WorkspaceEvent::FolderCreated { path: path("empty") },
        ]);
    TestFramework::<Workspace>::with(())
        .given_no_previous_events()
        .when(WorkspaceCommand::Observe { changes: vec![seen("a", "1")] })
        .then_expect_error(WorkspaceError::Unknown);
}
