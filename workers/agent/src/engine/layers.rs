//! Whether the layers that the engine's image store knows are still there.
//!
//! An engine whose store has lost layers starts, and lists all its images; only what is made of a lost layer fails, with words that help
//! no learner. The store's form is that of `layer` and `overlay2` in <https://github.com/moby/moby>: a file `cache-id` for each layer names
//! the folder that holds it.

use std::collections::BTreeSet;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

/// Ways of keeping layers in which each has a folder with its files in `diff`.
const IN_FOLDERS: [&str; 2] = ["overlay2", "fuse-overlayfs"];

/// What ends the name of a layer that the engine is removing. One that it has not finished with, in a crash for one, stays so.
const REMOVING: &str = "-removing";

/// Folders of layers that are known and missing.
pub(super) fn missing(data: &Path) -> BTreeSet<PathBuf> {
    let mut missing = BTreeSet::new();
    for way in IN_FOLDERS {
        let known = data.join("image").join(way).join("layerdb/sha256");
        for layer in read_dir(known).into_iter().flatten().flatten() {
            if layer.file_name().to_string_lossy().ends_with(REMOVING) {
                continue;
            }
            // A layer that is just being made may be without.
            let Ok(id) = std::fs::read_to_string(layer.path().join("cache-id")) else { continue };
            let folder = data.join(way).join(id.trim());
            if !folder.join("diff").is_dir() {
                missing.insert(folder);
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_without_its_files_is_missing() {
        let data = std::env::temp_dir().join(format!("containrlab-layers-{}", std::process::id()));
        assert_eq!(missing(&data), BTreeSet::new(), "no store, no layers");
        for (layer, id) in [("aa", "one"), ("bb", "two")] {
            let known = data.join("image/overlay2/layerdb/sha256").join(layer);
            std::fs::create_dir_all(&known).unwrap();
            std::fs::write(known.join("cache-id"), id).unwrap();
            std::fs::create_dir_all(data.join("overlay2").join(id).join("diff")).unwrap();
        }
        let others = data.join("image/overlay2/layerdb/sha256");
        std::fs::create_dir_all(others.join("in-the-making")).unwrap();
        std::fs::create_dir_all(others.join("cc-0123-removing")).unwrap();
        std::fs::write(others.join("cc-0123-removing/cache-id"), "three").unwrap();
        assert_eq!(missing(&data), BTreeSet::new());
        std::fs::remove_dir(data.join("overlay2/two/diff")).unwrap();
        assert_eq!(missing(&data), BTreeSet::from([data.join("overlay2/two")]));
        std::fs::remove_dir_all(&data).unwrap();
    }
}
