//! Waiting for a descriptor with a limit.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// What the wait brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// It can be read or written now; the end of the stream counts.
    Yes,
    /// Nothing in this time.
    No,
    /// The other side is gone, and there is nothing left to read.
    Broken,
}

/// Waits until there is something to read.
pub(crate) fn readable(fd: impl AsFd, limit: Duration) -> Ready {
    ready(fd, PollFlags::IN, limit)
}

/// Waits until there is room to write.
pub(crate) fn writable(fd: impl AsFd, limit: Duration) -> Ready {
    ready(fd, PollFlags::OUT, limit)
}

fn ready(fd: impl AsFd, wanted: PollFlags, limit: Duration) -> Ready {
    let limit = Timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(&fd, wanted)];
    match rustix::event::poll(&mut fds, Some(&limit)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ready::No,
        Ok(_) if fds[0].revents().contains(wanted) => Ready::Yes,
        Ok(_) | Err(_) => Ready::Broken,
    }
}
