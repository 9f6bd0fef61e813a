//! A pseudo-terminal.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{Gid, Mode, Uid};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

/// Makes a terminal of this size: (our side, the shell's side). The shell's side becomes the learner's own, so that programs can
/// open it by name.
pub(crate) fn open(cols: u16, rows: u16, owner: Option<(u32, u32)>) -> rustix::io::Result<(File, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&ours)?;
    // By the descriptor: no name in a mounted /dev/pts has to be trusted.
    let shells = rustix::pty::ioctl_tiocgptpeer(&ours, flags)?;
    if let Some((uid, gid)) = owner {
        rustix::fs::fchown(&shells, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        // CAP_FOWNER: it is the learner's by now.
        rustix::fs::fchmod(&shells, Mode::from_raw_mode(0o620))?;
    }
    resize(&ours, cols, rows)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((File::from(ours), shells))
}

/// Sets the size.
pub(crate) fn resize(terminal: impl std::os::fd::AsFd, cols: u16, rows: u16) -> rustix::io::Result<()> {
    rustix::termios::tcsetwinsize(
        terminal,
        Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 },
    )
}
