//! Paths below a workspace.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes that a path may take.
const PATH_LIMIT: usize = 1024;

/// Bytes that one part of a path may take, as on Linux.
const PART_LIMIT: usize = 255;

/// A path below `/workspace`: relative, with `/` between its parts, free of `.`, `..`, empty parts and control
/// characters. Whoever holds one may join it to a root; whether a link lies on the way is for the one who opens it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkspacePath(String);

/// Why a text is no path below a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// Nothing there.
    #[error("a path cannot be empty")]
    Empty,
    /// Too many bytes.
    #[error("a path may take {PATH_LIMIT} bytes at most, and each of its parts {PART_LIMIT}")]
    TooLong,
    /// Starts at the root.
    #[error("a path is given from the workspace on, without a leading slash")]
    Absolute,
    /// Would lead out of the workspace, or is not in its shortest form.
    #[error("a path cannot hold empty parts, \".\" or \"..\"")]
    NotNormal,
    /// Cannot be shown.
    #[error("a path cannot hold NUL or other control characters")]
    ControlCharacter,
}

impl WorkspacePath {
    /// Checks and wraps a path.
    ///
    /// # Errors
    /// [`InvalidPath`], a sentence for whoever sent it.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidPath> {
        let text = text.into();
        if text.is_empty() {
            return Err(InvalidPath::Empty);
        }
        if text.len() > PATH_LIMIT || text.split('/').any(|part| part.len() > PART_LIMIT) {
            return Err(InvalidPath::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidPath::ControlCharacter);
        }
        if text.starts_with('/') {
            return Err(InvalidPath::Absolute);
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(InvalidPath::NotNormal);
        }
        Ok(Self(text))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders above, nearest last: `a/b/c` gives `a`, `a/b`.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.match_indices('/').map(|(end, _)| Self(self.0[..end].to_owned()))
    }

    /// Whether this lies below the given folder.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// This path with the prefix `from` replaced by `to`: itself when it is `from`, moved along when it lies below.
    ///
    /// # Errors
    /// [`InvalidPath::TooLong`] when it grows over the limit.
    pub fn moved(&self, from: &Self, to: &Self) -> Result<Self, InvalidPath> {
        match self.0.strip_prefix(&from.0) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::new(format!("{}{rest}", to.0)),
            _ => Ok(self.clone()),
        }
    }
}

impl TryFrom<String> for WorkspacePath {
    type Error = InvalidPath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<WorkspacePath> for String {
    fn from(path: WorkspacePath) -> Self {
        path.0
    }
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_workspace() {
        for good in ["Dockerfile", "src/app.py", ".dockerignore", "a b/ü.txt", "..a", "a/...", "a\\b"] {
            assert!(WorkspacePath::new(good).is_ok(), "{good}");
        }
        let cases = [
            ("", InvalidPath::Empty),
            ("/etc/passwd", InvalidPath::Absolute),
            ("..", InvalidPath::NotNormal),
            ("a/../../b", InvalidPath::NotNormal),
            ("./a", InvalidPath::NotNormal),
            ("a//b", InvalidPath::NotNormal),
            ("a/", InvalidPath::NotNormal),
            ("a\0b", InvalidPath::ControlCharacter),
            ("a\nb", InvalidPath::ControlCharacter),
        ];
        for (bad, why) in cases {
            assert_eq!(WorkspacePath::new(bad), Err(why), "{bad:?}");
        }
        assert_eq!(WorkspacePath::new("a/".repeat(2048) + "b"), Err(InvalidPath::TooLong));
        assert_eq!(WorkspacePath::new("x".repeat(256)), Err(InvalidPath::TooLong));
    }

    #[test]
    fn a_neighbour_with_the_same_beginning_is_not_below() {
        let path = |text: &str| WorkspacePath::new(text).unwrap();
        assert!(path("src/app.py").is_below(&path("src")));
        assert!(!path("srcfoo/app.py").is_below(&path("src")));
        assert!(!path("src").is_below(&path("src")));
        assert_eq!(path("src/a/b").moved(&path("src"), &path("lib/x")), Ok(path("lib/x/a/b")));
        assert_eq!(path("srcfoo").moved(&path("src"), &path("lib")), Ok(path("srcfoo")));
    }
}
