//! Reading a file.

use std::fs::File;
use std::io::Read;

use containrlab_agent::frame::MAX_BODY;
use containrlab_agent::message::{ErrorCode, FileKind, Reply, WireError};
use rustix::fs::OFlags;

use super::path::{Inside, Root, cannot, entry, kind};

/// Reads a file of at most `most` bytes.
pub(super) fn read(root: &Root, path: &str, most: u64) -> Result<(Reply, Vec<u8>), WireError> {
    let inside = Inside::new(path)?;
    let most = most.min(MAX_BODY as u64);
    // NONBLOCK: opening a named pipe would otherwise wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = root.beneath(Some(inside), flags).map_err(|errno| cannot("read", path, errno))?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| cannot("read", path, errno))?;
    match kind(&stat) {
        FileKind::File => {}
        FileKind::Folder => {
            return Err(WireError::at(ErrorCode::NotAFile, path, format!("{path} is a folder.")));
        }
        FileKind::Link | FileKind::Special => {
            return Err(WireError::at(ErrorCode::NotAFile, path, format!("{path} is not an ordinary file.")));
        }
    }
    let mut content = Vec::new();
    // One byte more than allowed tells a file that is too large; its size alone doesn't, it may grow meanwhile.
    File::from(fd).take(most + 1).read_to_end(&mut content).map_err(|error| {
        WireError::at(ErrorCode::Internal, path, format!("{path} can't be read: {error}."))
    })?;
    if content.len() as u64 > most {
        let sentence = format!("{path} has {} bytes; the limit is {most}.", stat.st_size);
        return Err(WireError::at(ErrorCode::TooLarge, path, sentence));
    }
    let mut entry = entry(path.to_owned(), &stat);
    entry.size = content.len() as u64;
    Ok((Reply::File { entry }, content))
}
