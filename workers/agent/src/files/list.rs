//! The workspace's tree.

use containrlab_agent::TEMPORARY_PREFIX;
use containrlab_agent::frame::MAX_BODY;
use containrlab_agent::message::{ErrorCode, FileEntry, FileKind, Reply, WireError};
use rustix::io::Errno;

use super::path::{Inside, Root, cannot, entry, look, read_folder};

/// Folders within folders; deeper ones are left out and the list counts as cut.
const DEEPEST: usize = 64;

/// Lists the whole tree, sorted by path.
pub(super) fn list(root: &Root, most: usize, ignore: &[String]) -> Result<(Reply, Vec<u8>), WireError> {
    let mut tree = Tree { entries: Vec::new(), hidden: 0, truncated: false };
    let mut folders: Vec<Option<String>> = vec![None];
    while let Some(folder) = folders.pop() {
        tree.read_folder(root, folder.as_deref(), most, ignore, &mut folders)?;
    }
    tree.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let body = serde_json::to_vec(&tree.entries)
        .map_err(|error| WireError::new(ErrorCode::Internal, error.to_string()))?;
    if body.len() > MAX_BODY {
        return Err(WireError::new(
            ErrorCode::TooLarge,
            "The list of the workspace's files is too long to be sent.",
        ));
    }
    Ok((Reply::Files { truncated: tree.truncated, hidden: tree.hidden }, body))
}

struct Tree {
    entries: Vec<FileEntry>,
    hidden: u64,
    truncated: bool,
}

impl Tree {
    fn read_folder(
        &mut self,
        root: &Root,
        folder: Option<&str>,
        most: usize,
        ignore: &[String],
        folders: &mut Vec<Option<String>>,
    ) -> Result<(), WireError> {
        let inside = folder.map(Inside::new).transpose()?;
        let shown = folder.unwrap_or(".");
        let fd = match root.folder(inside) {
            Ok(fd) => fd,
            // A container keeps it to itself.
            Err(error) if folder.is_some() && error.code == ErrorCode::Denied => {
                self.hidden += 1;
                return Ok(());
            }
            // It went, or changed into something else, since its parent was read.
            Err(_) if folder.is_some() => return Ok(()),
            Err(error) => return Err(error),
        };
        for found in read_folder(&fd).map_err(|errno| cannot("read", shown, errno))? {
            let Ok(found) = found else {
                // Not to be read to its end: what is missing must not look deleted.
                self.truncated = true;
                break;
            };
            let Ok(name) = found.file_name().to_str() else {
                self.hidden += 1;
                continue;
            };
            if matches!(name, "." | "..")
                || name.starts_with(TEMPORARY_PREFIX)
                || ignore.iter().any(|i| i == name)
            {
                continue;
            }
            let stat = match look(&fd, name) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                // A container's folder that the learner may list but not enter. One such must not keep all others from
                // being listed.
                Err(_) => {
                    self.hidden += 1;
                    continue;
                }
            };
            if self.entries.len() >= most {
                self.truncated = true;
                folders.clear();
                return Ok(());
            }
            let path = folder.map_or_else(|| name.to_owned(), |folder| format!("{folder}/{name}"));
            let entry = entry(path, &stat);
            if entry.kind == FileKind::Folder {
                if entry.path.split('/').count() < DEEPEST && Inside::new(&entry.path).is_ok() {
                    folders.push(Some(entry.path.clone()));
                } else {
                    self.truncated = true;
                }
            }
            self.entries.push(entry);
        }
        Ok(())
    }
}
