//! The few calls for which Rust asks `unsafe`, each behind a safe function.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Lets the command inherit `fd` under its present number. Only this command: the close-on-exec mark is
/// taken off after the fork, so that no other thread's child gets the descriptor too.
///
/// The caller keeps `fd` open until the command has been spawned.
pub(crate) fn inherit(command: &mut Command, fd: BorrowedFd<'_>) {
    let raw = fd.as_raw_fd();
    let keep = move || {
        // SAFETY: fcntl with integer arguments; an invalid number is an EBADF, not undefined behaviour.
        match unsafe { libc::fcntl(raw, libc::F_SETFD, 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure makes one system call and doesn't allocate, as is demanded between fork and exec.
    unsafe { command.pre_exec(keep) };
}

/// As [`inherit`], under another number.
pub(crate) fn inherit_as(command: &mut Command, fd: BorrowedFd<'_>, number: i32) {
    let raw = fd.as_raw_fd();
    let give = move || {
        // A descriptor that is copied onto itself keeps its mark.
        // SAFETY: system calls with integer arguments.
        let given = unsafe {
            if raw == number { libc::fcntl(raw, libc::F_SETFD, 0) } else { libc::dup2(raw, number) }
        };
        if given == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: as above, system calls only.
    unsafe { command.pre_exec(give) };
}

/// Lets the command lead a session of its own; with `terminal`, its standard input becomes that session's terminal.
pub(crate) fn lead_session(command: &mut Command, terminal: bool) {
    let lead = move || {
        // SAFETY: two system calls with integer arguments.
        unsafe {
            if libc::setsid() == -1 || (terminal && libc::ioctl(0, libc::TIOCSCTTY, 0) == -1) {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: as above, system calls only.
    unsafe { command.pre_exec(lead) };
}

/// Lets the command die with the thread that starts it: a learner who kills a supervisor shall not leave an engine behind that
/// nobody keeps. The starting thread has to live as long as the command should.
pub(crate) fn die_with_parent(command: &mut Command) -> &mut Command {
    let parent = std::process::id();
    let ask = move || {
        // SAFETY: system calls with integer arguments.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            // It may have died before the question.
            if libc::getppid().unsigned_abs() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        Ok(())
    };
    // SAFETY: as above, system calls only.
    unsafe { command.pre_exec(ask) }
}

/// Lets the command, and all that it starts, come last in the line for the processor. A sandbox has a processor share of its own, so
/// this takes nothing from the learner; but when hundreds of the learner's processes want to run, the agent and its supervisors
/// still do, and can end them.
pub(crate) fn come_last(command: &mut Command) {
    // Making oneself less urgent is allowed to everybody.
    let last = || Ok(rustix::process::setpriority_process(None, 19)?);
    // SAFETY: as above, a system call only.
    unsafe { command.pre_exec(last) };
}

/// Lets the command begin with no signal held back, whatever this process holds (see [`hold_signals`]); a shell that inherited a
/// held SIGINT would never hear Ctrl-C.
pub(crate) fn release_signals(command: &mut Command) -> &mut Command {
    let release = || {
        let none = signal_set(&[]);
        // SAFETY: `none` is initialised; the old mask isn't asked for.
        match unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: as above, system calls only.
    unsafe { command.pre_exec(release) }
}

/// Keeps the learner's debugger away from this process, though it is the learner's: what a helper answers is believed.
pub(crate) fn hide_from_debuggers() {
    // It can't fail with this argument; if it did, only the learner's own workspace would be misreported.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Takes over what the parent passed under this number (see [`inherit`]).
pub(crate) fn inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with integer arguments. It also proves that the number is open.
    if number <= 2 || unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is open, was passed for this purpose and is taken over once, at the start.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Standard input as an unbuffered file: what is read here is exactly what was taken from the pipe.
pub(crate) fn stdin() -> io::Result<File> {
    Ok(File::from(rustix::io::dup(rustix::stdio::stdin())?))
}

/// Standard output without the line buffer of `std::io::Stdout`.
pub(crate) fn stdout() -> io::Result<File> {
    Ok(File::from(rustix::io::dup(rustix::stdio::stdout())?))
}

/// Holds these signals back in this thread and those that it starts from now on, so that [`next_signal`] gets them.
pub(crate) fn hold_signals(signals: &[i32]) -> io::Result<()> {
    let set = signal_set(signals);
    // SAFETY: `set` is initialised; the old mask isn't asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Waits for one of these signals; they must be held.
pub(crate) fn next_signal(signals: &[i32]) -> io::Result<i32> {
    let set = signal_set(signals);
    let mut signal = 0;
    // SAFETY: both pointers are to initialised locals.
    match unsafe { libc::sigwait(&raw const set, &raw mut signal) } {
        0 => Ok(signal),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn signal_set(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: sigset_t is plain data and sigemptyset initialises it; sigaddset refuses bad numbers.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}
