//! A folder of images with only the small ones, so that a golden volume is filled in a moment.

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The images of labs and sandboxes.
pub(crate) fn all_images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/images").canonicalize().expect("labs/images")
}

/// The small ones of them and some more, listed in a folder beneath a state folder. Whoever uses the same state folder shares their
/// golden volume.
pub(crate) fn few_images(state_dir: &Path, more: &[&str]) -> PathBuf {
    let all = all_images();
    let few = state_dir.join("images");
    std::fs::create_dir_all(&few).expect("a folder");
    let list = std::fs::read_to_string(all.join("images.toml")).expect("images.toml");
    let mut parts = list.split("[[image]]");
    let head = parts.next().unwrap_or_default().to_owned();
    let small = ["debian:trixie-slim", "busybox:latest", "containrlab/sandbox:latest"];
    let named =
        |part: &&str| small.iter().chain(more).any(|name| part.contains(&format!("name = \"{name}\"")));
    let wanted = parts.filter(named);
    let text = wanted.fold(head, |text, part| format!("{text}[[image]]{part}"));
    // Each test writes the same: by a rename, so that none reads half of it.
    let draft = few.join(Uuid::new_v4().to_string());
    std::fs::write(&draft, text).expect("images.toml");
    std::fs::rename(&draft, few.join("images.toml")).expect("images.toml");
    for folder in
        std::fs::read_dir(&all).expect("labs/images").flatten().filter(|entry| entry.path().is_dir())
    {
        match std::os::unix::fs::symlink(folder.path(), few.join(folder.file_name())) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => panic!("{error}"),
            _ => {}
        }
    }
    few
}

/// The state folder of tests that need no more images than these: beside the one of other tests, since the golden volume here holds
/// fewer.
pub(crate) fn state_dir_of_few(test_state: &Path) -> PathBuf {
    let folder = test_state.join("sandboxes");
    std::fs::create_dir_all(&folder).expect("the state folder");
    std::fs::canonicalize(folder).expect("the state folder")
}
