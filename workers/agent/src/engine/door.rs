//! The engine's door: a socket at which the platform's own commands find the engine, and nobody else in its place.
//!
//! The socket that learners know lies in a folder of theirs, so anything could be in its place. This one lies in a folder of root's. The
//! agent opens it and hands it to the engine, through all that the engine is started with; it is one engine's as long as that lives, and
//! leads nowhere between two of them.

use std::fs::Permissions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::io::fcntl_dupfd_cloexec;

/// Numbers of what is handed to the engine are above those which its starters use themselves: rootlesskit puts its own at 3 and 4.
const LOWEST: i32 = 100;

/// Opens the door, in place of an earlier engine's.
pub(super) fn open(place: &Path) -> io::Result<OwnedFd> {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(place)?;
    // Whoever is in the sandbox may ask their engine.
    std::fs::set_permissions(place, Permissions::from_mode(0o666))?;
    above(listener.into())
}

/// The same under a number that gets through.
pub(super) fn above(fd: OwnedFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(fd, LOWEST)?)
}
