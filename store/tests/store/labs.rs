//! Labs from disk.

use std::fs;
use std::path::Path;

use containrlab_domain::ids::LabSlug;
use containrlab_store::labs::LabCatalog;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_labs_of_this_repository_load() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
    let catalog = LabCatalog::load(&dir).unwrap_or_else(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", told.join("\n"))
    });
    let all = catalog.all();
    assert!(!all.is_empty());
    for loaded in all {
        assert_eq!(catalog.get(&loaded.lab.slug).unwrap().version, loaded.version);
        assert!(loaded.files.contains_key("lab.toml"));
        containrlab_store::labs::tree_of(&loaded.lab.starter).expect("a starter can lie in a workspace");
    }
    assert!(catalog.get(&LabSlug::new("images").unwrap()).is_none(), "a folder without lab.toml is no lab");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "one/lab.toml", "titel = \"One\"\n");
    write(dir.path(), "two/lab.toml", "this is no TOML");
    write(dir.path(), "Bad Name/lab.toml", "");
    let faults = LabCatalog::load(dir.path()).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().any(|fault| fault.contains("one") && fault.contains("titel")), "{told:?}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let faults = LabCatalog::load(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(faults[0].to_string().contains("/nowhere/at/all"));
}

#[cfg(unix)]
#[test]
fn a_link_in_a_lab_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "one/lab.toml", "");
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("one/passwd")).unwrap();
    let faults = LabCatalog::load(dir.path()).unwrap_err();
    assert!(faults[0].to_string().contains("passwd"), "{}", faults[0]);
}
