//! A socket that takes the place of an earlier start's.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Listens at this place, for those whom `mode` lets write.
pub(crate) fn listen(place: &Path, mode: u32) -> io::Result<UnixListener> {
    // A container, or an engine, that is started again finds the old one.
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(place)?;
    std::fs::set_permissions(place, Permissions::from_mode(mode))?;
    Ok(listener)
}
