//! Folders that a person names on the command line, read with bounds.

use std::fs;
use std::path::Path;

use containrlab_domain::lab::LabFiles;
use containrlab_domain::workspace::{WorkspaceLimits, WorkspacePath};
use containrlab_workers::judge::is_judged;

use crate::failure::Failure;

/// Files and folders that a listing goes through.
const MOST_ENTRIES: usize = 100_000;

/// Something in a folder that is no folder itself.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its path below the folder, with `/`.
    pub(crate) path: String,
    /// Bytes.
    pub(crate) size: u64,
    /// A plain file: no link, no socket.
    pub(crate) is_file: bool,
}

/// All that lies below a folder, by path. Links are listed, not followed.
pub(crate) fn list(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, Failure> {
    if !folder.is_dir() {
        return Err(Failure::Usage(format!("{} is no folder.", folder.display())));
    }
    let mut entries = Vec::new();
    let mut seen = 0;
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((place, prefix)) = waiting.pop() {
        let failure = || Failure::file(format!("read {}", place.display()));
        for entry in fs::read_dir(&place).map_err(failure())? {
            let entry = entry.map_err(failure())?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if !wanted(&path) {
                continue;
            }
            seen += 1;
            if seen > MOST_ENTRIES {
                let folder = folder.display();
                return Err(Failure::Usage(format!(
                    "{folder} holds more than {MOST_ENTRIES} files and folders. Name a smaller one."
                )));
            }
            let metadata = fs::symlink_metadata(entry.path()).map_err(failure())?;
            if metadata.is_dir() {
                waiting.push((entry.path(), format!("{path}/")));
            } else {
                entries.push(Entry { path, size: metadata.len(), is_file: metadata.is_file() });
            }
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// The files of a folder as an attempt would hold them. What an attempt leaves out (`.git`, caches) is left out here too; a link
/// is refused, and so is more than a workspace may hold.
pub(crate) fn attempt(folder: &Path, limits: WorkspaceLimits) -> Result<LabFiles, Failure> {
    let wanted = |path: &str| WorkspacePath::new(path).map_or(true, |path| is_judged(&path));
    let mut files = LabFiles::new();
    let mut room = limits.total_bytes;
    let entries = list(folder, &wanted)?;
    let refuse = |what: String| Err(Failure::Usage(format!("{}: {what}", folder.display())));
    if entries.len() > limits.entries {
        return refuse(format!(
            "{} files are more than a workspace holds ({})",
            entries.len(),
            limits.entries
        ));
    }
    for entry in entries {
        let Entry { path, size, is_file } = entry;
        if let Err(error) = WorkspacePath::new(path.as_str()) {
            return refuse(format!("{path:?}: {error}"));
        }
        if !is_file {
            return refuse(format!("{path:?} is a link or no plain file; an attempt holds files only"));
        }
        if size > limits.file_bytes {
            return refuse(format!("{path:?} has {size} bytes; a file may have {}", limits.file_bytes));
        }
        let Some(rest) = room.checked_sub(size) else {
            return refuse(format!("its files have more than {} bytes together", limits.total_bytes));
        };
        room = rest;
        let content = fs::read(folder.join(&path)).map_err(Failure::file(format!("read {path}")))?;
        files.insert(path, content);
    }
    Ok(files)
}
