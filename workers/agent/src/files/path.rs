//! Paths beneath the workspace, resolved without following links.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use containrlab_agent::message::{ErrorCode, FileEntry, FileKind, WireError};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// Longest path, in bytes: the kernel's own bound, without the end mark.
const LONGEST_PATH: usize = 4095;
/// Longest name in a path, in bytes.
const LONGEST_NAME: usize = 255;

/// The workspace's folder.
pub(crate) struct Root(OwnedFd);

/// A checked path: one or more names, none of them `.` or `..`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside<'a>(&'a str);

impl<'a> Inside<'a> {
    /// Checks a path for its form.
    pub(crate) fn new(path: &'a str) -> Result<Inside<'a>, WireError> {
        let bad = |sentence: &str| Err(WireError::at(ErrorCode::BadPath, shortened(path), sentence));
        if path.is_empty() {
            return bad("The path is empty.");
        }
        if path.len() > LONGEST_PATH {
            return bad("The path is longer than 4095 bytes.");
        }
        if path.contains('\0') {
            return bad("A path can't hold NUL.");
        }
        if path.starts_with('/') {
            return bad("The path must be relative to the workspace.");
        }
        for name in path.split('/') {
            if matches!(name, "" | "." | "..") {
                return bad("A path's names can't be empty, `.` or `..`.");
            }
            if name.len() > LONGEST_NAME {
                return bad("A name in the path is longer than 255 bytes.");
            }
        }
        Ok(Inside(path))
    }

    /// The whole path.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }

    /// The folder that it lies in, if that isn't the workspace itself, and its last name.
    pub(crate) fn split(self) -> (Option<Inside<'a>>, &'a str) {
        match self.0.rsplit_once('/') {
            Some((folder, name)) => (Some(Inside(folder)), name),
            None => (None, self.0),
        }
    }
}

impl Root {
    /// Opens the workspace.
    pub(crate) fn open(workspace: &Path) -> Result<Root, WireError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(workspace, flags, Mode::empty()).map(Root).map_err(|errno| {
            let sentence = format!("The workspace {} can't be opened: {errno}.", workspace.display());
            WireError::new(ErrorCode::Internal, sentence)
        })
    }

    /// Opens something beneath the workspace. Never through a link, never outside.
    pub(crate) fn beneath(&self, path: Option<Inside<'_>>, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let path = path.map_or(".", Inside::text);
        let mut tries = 0;
        loop {
            match rustix::fs::openat2(&self.0, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                // The kernel couldn't rule out that a rename went on at the same time; it says "try again".
                Err(Errno::AGAIN) if tries < 100 => tries += 1,
                other => return other,
            }
        }
    }

    /// Opens a folder.
    pub(crate) fn folder(&self, path: Option<Inside<'_>>) -> Result<OwnedFd, WireError> {
        self.beneath(path, OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|errno| cannot("opened", path.map_or(".", Inside::text), errno))
    }

    /// Opens a folder; it and those above it are made if they are missing.
    pub(crate) fn make_folder(&self, path: Option<Inside<'_>>) -> Result<OwnedFd, WireError> {
        let Some(path) = path else { return self.folder(None) };
        match self.beneath(Some(path), OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => {}
            other => return other.map_err(|errno| cannot("opened", path.text(), errno)),
        }
        let (above, name) = path.split();
        let parent = self.make_folder(above)?;
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => self.folder(Some(path)),
            Err(errno) => Err(cannot("made", path.text(), errno)),
        }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What is at a name in an open folder; links are not followed.
pub(crate) fn look(folder: impl AsFd, name: &str) -> Result<Stat, Errno> {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// The names in an open folder. Reading needs no right to enter it, which `Dir::read_from` would ask for.
pub(crate) fn read_folder(folder: impl AsFd) -> Result<Dir, Errno> {
    Dir::new(rustix::io::fcntl_dupfd_cloexec(folder, 3)?)
}

/// The entry for what was looked at.
pub(crate) fn entry(path: String, stat: &Stat) -> FileEntry {
    let kind = kind(stat);
    FileEntry {
        path,
        kind,
        size: if kind == FileKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        mode: stat.st_mode & 0o7777,
        #[allow(clippy::unnecessary_cast)] // The fields' types differ between architectures.
        modified_ns: (stat.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64),
    }
}

/// The kind of what was looked at.
pub(crate) fn kind(stat: &Stat) -> FileKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Special,
    }
}

/// The error for a path with which something couldn't be done.
pub(crate) fn cannot(done: &str, path: &str, errno: Errno) -> WireError {
    let shown = shortened(path);
    let (code, sentence) = match errno {
        Errno::NOENT => (ErrorCode::NotFound, format!("{shown} isn't there.")),
        Errno::EXIST => (ErrorCode::Exists, format!("{shown} is already there.")),
        Errno::NOTEMPTY => (ErrorCode::Exists, format!("{shown} isn't empty.")),
        Errno::ISDIR => (ErrorCode::NotAFile, format!("{shown} is a folder.")),
        // BENEATH answers XDEV to a path that leaves, NO_SYMLINKS answers LOOP to a link.
        Errno::LOOP => (ErrorCode::Link, format!("{shown} is, or leads through, a symbolic link.")),
        Errno::XDEV => (ErrorCode::BadPath, format!("{shown} leads out of the workspace.")),
        Errno::NOTDIR => {
            (ErrorCode::NotAFolder, format!("{shown} is, or leads through, something that isn't a folder."))
        }
        Errno::NAMETOOLONG => (ErrorCode::BadPath, format!("{shown} is too long.")),
        Errno::ACCESS | Errno::PERM => (
            ErrorCode::Denied,
            format!(
                "{shown} can't be {done}: the learner's user has no right to (a container may have made it)."
            ),
        ),
        Errno::NOSPC | Errno::DQUOT => {
            (ErrorCode::NoSpace, format!("{shown} can't be {done}: the sandbox's disk is full."))
        }
        Errno::NXIO => (ErrorCode::NotAFile, format!("{shown} is not an ordinary file.")),
        _ => (ErrorCode::Internal, format!("{shown} can't be {done}: {errno}.")),
    };
    WireError::at(code, shown, sentence)
}

/// A path short enough for a message.
fn shortened(path: &str) -> &str {
    let mut end = path.len().min(300);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "a\0b",
            &"x".repeat(256),
            &"ab/".repeat(1400),
        ] {
            let error = Inside::new(bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::BadPath, "{bad:?}");
            assert!(error.path.unwrap().len() <= 300);
        }
        for good in ["a", "a/b", "..a", "a..b/...", "ü/日本", " "] {
            assert!(Inside::new(good).is_ok(), "{good:?}");
        }
    }
}
