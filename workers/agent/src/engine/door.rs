//! The engine's door: a socket at which the platform's own commands find the engine, and nobody else in its place.
//!
//! The socket that learners know lies in a folder of theirs, so anything could be in its place. This one lies in a folder of root's. The
//! agent opens it and hands it to the engine, through all that the engine is started with; it is one engine's as long as that lives, and
//! leads nowhere between two of them.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::fcntl_dupfd_cloexec;

use crate::listen::listen;

/// Numbers of what is handed to the engine are above those which its starters use themselves: rootlesskit puts its own at 3 and 4.
const LOWEST: i32 = 100;

/// Opens the door, in place of an earlier engine's.
pub(super) fn open(place: &Path) -> io::Result<OwnedFd> {
    // Whoever is in the sandbox may ask their engine.
    above(listen(place, 0o666)?.into())
}

/// The same under a number that gets through.
pub(super) fn above(fd: OwnedFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(fd, LOWEST)?)
}
