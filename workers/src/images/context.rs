//! Build contexts: a tar of a folder and of a few files made on the fly, with a fingerprint of everything in it.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What the builder is sent. Times and owners are left out, so the same content always gives the same fingerprint.
#[derive(Debug, Default)]
pub(super) struct Context {
    files: Vec<ContextFile>,
}

#[derive(Debug)]
struct ContextFile {
    path: String,
    executable: bool,
    content: Vec<u8>,
}

impl Context {
    /// All files beneath `folder`, which is content of ours and holds no links.
    pub(super) fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut context = Self::default();
        let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(&next)? {
                let entry = entry?;
                let path = entry.path();
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    use std::os::unix::fs::PermissionsExt;
                    let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
                    let relative = path.strip_prefix(folder).map_err(io::Error::other)?;
                    let name =
                        relative.to_str().ok_or_else(|| io::Error::other("a file name that isn't UTF-8"))?;
                    context.add(name, executable, std::fs::read(&path)?);
                }
            }
        }
        Ok(context)
    }

    /// Adds a file; of two with the same path the later holds.
    pub(super) fn add(&mut self, path: &str, executable: bool, content: Vec<u8>) {
        self.files.retain(|file| file.path != path);
        self.files.push(ContextFile { path: path.to_owned(), executable, content });
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds everything to a running fingerprint.
    pub(super) fn digest(&self, into: &mut Sha256) {
        for file in &self.files {
            for part in [file.path.as_bytes(), &[u8::from(file.executable)], &file.content] {
                into.update((part.len() as u64).to_be_bytes());
                into.update(part);
            }
        }
    }

    /// The tar that `docker build` takes.
    pub(super) fn into_tar(self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for file in self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(file.content.len() as u64);
            header.set_mode(if file.executable { 0o755 } else { 0o644 });
            header.set_mtime(0);
            tar.append_data(&mut header, &file.path, file.content.as_slice())?;
        }
        tar.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(context: &Context) -> String {
        let mut digest = Sha256::new();
        context.digest(&mut digest);
        hex::encode(digest.finalize())
    }

    #[test]
    fn the_fingerprint_follows_content_and_not_order() {
        let mut one = Context::default();
        one.add("a", false, b"x".to_vec());
        one.add("b", false, b"y".to_vec());
        let mut other = Context::default();
        other.add("b", false, b"old".to_vec());
        other.add("a", false, b"x".to_vec());
        assert_ne!(fingerprint(&one), fingerprint(&other));
        other.add("b", false, b"y".to_vec());
        assert_eq!(fingerprint(&one), fingerprint(&other));
        other.add("b", true, b"y".to_vec());
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }

    #[test]
    fn a_name_can_not_flow_into_its_content() {
        let mut one = Context::default();
        one.add("ab", false, b"c".to_vec());
        let mut other = Context::default();
        other.add("a", false, b"bc".to_vec());
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }
}
