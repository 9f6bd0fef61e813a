//! Makes the table of static files: every file under `static/`, its bytes and its hash.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("static");
    println!("cargo:rerun-if-changed=static");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    // Sorted by URL path, since look-ups search in halves.
    let mut files: Vec<(String, PathBuf)> = paths
        .into_iter()
        .map(|path| {
            let below = path.strip_prefix(&root).expect("it lies below");
            let url = below.to_str().expect("a UTF-8 name").replace('\\', "/");
            (url, path)
        })
        .collect();
    files.sort();

    let mut tree = Sha256::new();
    let mut table = String::from("static FILES: &[Entry] = &[\n");
    for (url, path) in &files {
        let bytes = fs::read(path).expect("a readable static file");
        let hash = hex::encode(Sha256::digest(&bytes));
        tree.update(url.as_bytes());
        tree.update([0]);
        tree.update(hash.as_bytes());
        writeln!(
            table,
            "    Entry {{ path: {url:?}, bytes: include_bytes!({path:?}), etag: {:?} }},",
            format!("\"{}\"", &hash[..24])
        )
        .expect("a String takes all");
    }
    table.push_str("];\n");
    writeln!(table, "const TREE: &str = \"v{}\";", &hex::encode(tree.finalize())[..12])
        .expect("a String takes all");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("static_table.rs");
    fs::write(out, table).expect("a writable OUT_DIR");
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable static folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
