//! Changing files.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use containrlab_agent::TEMPORARY_PREFIX;
use containrlab_agent::message::{ErrorCode, FileChange, FileKind, WireError};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::path::{Inside, Root, cannot, kind, look, read_folder};

/// Folders within folders that a deletion follows; each keeps a descriptor open.
const DEEPEST: usize = 512;

/// Does the changes in order; the first that fails ends it, and what was done before it stays.
pub(super) fn apply(root: &Root, changes: &[FileChange], contents: &[u8]) -> Result<(), WireError> {
    check_sizes(changes, contents)?;
    let mut rest = contents;
    for change in changes {
        match change {
            FileChange::Write { path, size, executable } => {
                // In bounds, for the sizes were added up.
                let (content, after) = rest.split_at(usize::try_from(*size).unwrap_or(rest.len()));
                rest = after;
                write(root, Inside::new(path)?, content, *executable)?;
            }
            FileChange::MakeFolder { path } => {
                root.make_folder(Some(Inside::new(path)?))?;
            }
            FileChange::Delete { path, may_be_missing } => {
                let deleted = delete(root, Inside::new(path)?);
                match deleted {
                    Err(error) if *may_be_missing && error.code == ErrorCode::NotFound => {}
                    other => other?,
                }
            }
            FileChange::Rename { from, to } => rename(root, Inside::new(from)?, Inside::new(to)?)?,
        }
    }
    Ok(())
}

/// All paths and sizes are checked before the first change, so that a malformed request changes nothing.
fn check_sizes(changes: &[FileChange], contents: &[u8]) -> Result<(), WireError> {
    let mut sum = 0u64;
    for change in changes {
        match change {
            FileChange::Write { path, size, .. } => {
                Inside::new(path)?;
                sum = sum.saturating_add(*size);
            }
            FileChange::MakeFolder { path } | FileChange::Delete { path, .. } => {
                Inside::new(path)?;
            }
            FileChange::Rename { from, to } => {
                Inside::new(from)?;
                Inside::new(to)?;
            }
        }
    }
    if sum != contents.len() as u64 {
        let sentence = format!("The files' sizes make {sum} bytes, but {} came.", contents.len());
        return Err(WireError::new(ErrorCode::BadRequest, sentence));
    }
    Ok(())
}

fn write(root: &Root, path: Inside<'_>, content: &[u8], executable: Option<bool>) -> Result<(), WireError> {
    let (above, name) = path.split();
    let folder = root.make_folder(above)?;
    let text = path.text();
    let before = match look(&folder, name) {
        Ok(stat) => match kind(&stat) {
            FileKind::File => Some(stat.st_mode & 0o777),
            FileKind::Folder => {
                return Err(WireError::at(ErrorCode::NotAFile, text, format!("{text} is a folder.")));
            }
            FileKind::Link => return Err(cannot("written", text, Errno::LOOP)),
            FileKind::Special => return Err(cannot("written", text, Errno::NXIO)),
        },
        Err(Errno::NOENT) => None,
        Err(errno) => return Err(cannot("written", text, errno)),
    };
    let mode = match (before.unwrap_or(0o644), executable) {
        (mode, None) => mode,
        // Whoever may read it may run it, as `chmod +x` under the usual mask does.
        (mode, Some(true)) => mode | ((mode & 0o444) >> 2),
        (mode, Some(false)) => mode & !0o111,
    };
    let temporary = temporary_name();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let written = rustix::fs::openat(&folder, &temporary, flags, Mode::from_raw_mode(0o600))
        .map_err(|errno| cannot("written", text, errno))
        .and_then(|fd| fill(fd, content, mode, text))
        .and_then(|()| {
            // Over a folder that was made here meanwhile this fails, over a link it replaces the link itself.
            rustix::fs::renameat(&folder, &temporary, &folder, name)
                .map_err(|errno| cannot("written", text, errno))
        });
    if written.is_err() {
        let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
    }
    written
}

fn fill(fd: OwnedFd, content: &[u8], mode: u32, path: &str) -> Result<(), WireError> {
    let mut file = File::from(fd);
    file.write_all(content).map_err(|error| match Errno::from_io_error(&error) {
        Some(errno) => cannot("written", path, errno),
        None => WireError::at(ErrorCode::Internal, path, format!("{path} can't be written: {error}.")),
    })?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(|errno| cannot("written", path, errno))
}

/// A name that no other helper uses at this moment; EXCL refuses it in the impossible case.
fn temporary_name() -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{TEMPORARY_PREFIX}{}-{now:x}-{count}", std::process::id())
}

fn rename(root: &Root, from: Inside<'_>, to: Inside<'_>) -> Result<(), WireError> {
    let (from_above, from_name) = from.split();
    let (to_above, to_name) = to.split();
    let old =
        root.folder(from_above).map_err(|error| WireError { path: Some(from.text().to_owned()), ..error })?;
    // Before folders are made for it.
    look(&old, from_name).map_err(|errno| cannot("renamed", from.text(), errno))?;
    let new = root.make_folder(to_above)?;
    rustix::fs::renameat_with(&old, from_name, &new, to_name, RenameFlags::NOREPLACE).map_err(|errno| {
        match errno {
            Errno::EXIST => cannot("renamed", to.text(), errno),
            Errno::INVAL => WireError::at(
                ErrorCode::BadPath,
                to.text(),
                format!("{} can't be moved into itself.", from.text()),
            ),
            _ => cannot("renamed", from.text(), errno),
        }
    })
}

fn delete(root: &Root, path: Inside<'_>) -> Result<(), WireError> {
    let (above, name) = path.split();
    let folder = root.beneath(above, OFlags::RDONLY | OFlags::DIRECTORY);
    let folder = folder.map_err(|errno| cannot("deleted", path.text(), errno))?;
    let name =
        CString::new(name).map_err(|_| WireError::new(ErrorCode::BadPath, "A path can't hold NUL."))?;
    delete_in(folder.as_fd(), &name, DEEPEST).map_err(|errno| cannot("deleted", path.text(), errno))
}

/// Deletes a name in an open folder, with all beneath it. A link is deleted, not followed.
fn delete_in(folder: BorrowedFd<'_>, name: &CStr, deeper: usize) -> Result<(), Errno> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return other,
    }
    if deeper == 0 {
        return Err(Errno::NAMETOOLONG);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(folder, name, flags, Mode::empty());
    let inner = match open() {
        // The learner took away the folder's bits; it is still the learner's to delete.
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(folder, name, Mode::from_raw_mode(0o700), AtFlags::empty())?;
            open()?
        }
        other => other?,
    };
    // Names are gathered first: deleting while reading may skip some.
    let mut names = Vec::new();
    for found in read_folder(&inner)? {
        let found = found?;
        if !matches!(found.file_name().to_bytes(), b"." | b"..") {
            names.push(found.file_name().to_owned());
        }
    }
    for name in names {
        match delete_in(inner.as_fd(), &name, deeper - 1) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ACCESS) => {
                rustix::fs::fchmod(&inner, Mode::from_raw_mode(0o700))?;
                delete_in(inner.as_fd(), &name, deeper - 1)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)
}
