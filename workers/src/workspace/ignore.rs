//! What is not kept, because tools make it again.

use containrlab_domain::workspace::WorkspacePath;

/// Names of files and folders, at any depth, that stay in the sandbox only.
pub(super) const NAMES: &[&str] = &[
    ".git",
    "node_modules",
    "__pycache__",
    ".venv",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".cache",
    ".DS_Store",
];

/// Whether a path stays in the sandbox only.
pub(crate) fn is_ignored(path: &WorkspacePath) -> bool {
    path.as_str().split('/').any(|part| NAMES.contains(&part) || is_scratch(part))
}

/// Editors' own files: swap files, backups, and the file that vim makes to see whether it may.
fn is_scratch(name: &str) -> bool {
    let swap = name.starts_with('.')
        && [".swp", ".swo", ".swx", ".swpx"].iter().any(|ending| name.ends_with(ending));
    swap || name == "4913" || (name.ends_with('~') && name.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_make_is_ignored_and_what_people_write_is_not() {
        let ignored = |text: &str| is_ignored(&WorkspacePath::new(text).unwrap());
        for path in [
            ".git/config",
            "web/node_modules/x/y.js",
            "a/__pycache__/b.pyc",
            ".app.py.swp",
            "4913",
            "app.py~",
        ] {
            assert!(ignored(path), "{path}");
        }
        for path in
            ["Dockerfile", ".gitignore", "node_modules.txt", "~", "4913.txt", "a.swp", ".dockerignore"]
        {
            assert!(!ignored(path), "{path}");
        }
    }
}
