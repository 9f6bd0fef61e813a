//! A lab's reference solution, from disk: the API never gives it out.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::failure::Failure;

/// One file of a solution.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path in the workspace.
    pub(crate) path: String,
    /// Its text.
    pub(crate) content: String,
    /// Whether it may be executed.
    pub(crate) executable: bool,
}

/// Reads all files of a lab's solution, sorted by path.
pub(crate) fn read(labs: &Path, lab: &str) -> Result<Vec<File>, Failure> {
    let is_name =
        !lab.is_empty() && lab.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let root = labs.join(lab).join("solution");
    if !is_name || !root.is_dir() {
        return Err(Failure::Plain(format!(
            "There is no lab \"{lab}\" with a solution in {}. `containrlab labs` lists the labs.",
            labs.display()
        )));
    }
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let doing = || format!("read {}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(Failure::file(doing()))? {
            let path = entry.map_err(Failure::file(doing()))?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let doing = || format!("read {}", path.display());
            let content = std::fs::read_to_string(&path).map_err(Failure::file(doing()))?;
            let mode = std::fs::metadata(&path).map_err(Failure::file(doing()))?.permissions().mode();
            let relative = path.strip_prefix(&root).unwrap_or(&path);
            files.push(File { path: relative.display().to_string(), content, executable: mode & 0o100 != 0 });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
