//! The processes beneath this one, and how to end them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

/// Rounds of looking for new processes while stopping old ones; a tree that still grows after so many is killed as it is.
const ROUNDS: usize = 50;

/// All descendants of this process, nearest first.
fn descendants() -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read(entry.path().join("stat")) else { continue };
        if let Some(parent) = parent_of_the_living(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![rustix::process::getpid().as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        found.extend(children.remove(parent).unwrap_or_default());
        next += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

/// The parent in a line of `/proc/<pid>/stat`, unless it is a zombie's. The name in it may hold anything, also `)`.
fn parent_of_the_living(stat: &[u8]) -> Option<i32> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.next()?.parse().ok(),
    }
}

/// Sends a signal to every descendant.
pub(crate) fn signal_descendants(signal: Signal) {
    for pid in descendants() {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Kills every descendant. They are all stopped first: a process that forks faster than it is found would get away.
pub(crate) fn kill_descendants() {
    let mut stopped = Vec::new();
    for _ in 0..ROUNDS {
        let found = descendants();
        let fresh: Vec<Pid> = found.iter().copied().filter(|pid| !stopped.contains(pid)).collect();
        if fresh.is_empty() {
            break;
        }
        for pid in fresh {
            let _ = rustix::process::kill_process(pid, Signal::STOP);
        }
        stopped = found;
    }
    signal_descendants(Signal::KILL);
}

/// Asks every descendant to end, kills what is left after `grace`, and reaps them all.
pub(crate) fn end_descendants(grace: Duration) {
    if reap() {
        return;
    }
    signal_descendants(Signal::TERM);
    signal_descendants(Signal::HUP);
    signal_descendants(Signal::CONT);
    let deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        if reap() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // What can't be killed (stuck in the kernel) is given up on rather than waited for without end.
    let deadline = Instant::now() + Duration::from_secs(5);
    while !reap() && Instant::now() < deadline {
        kill_descendants();
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reaps what has ended; true when there is no child left.
fn reap() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_hide_the_parent() {
        assert_eq!(parent_of_the_living(b"12 (a) R 99 (b) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of_the_living(b"12 (sh) Z 7 12 12 0"), None);
        assert_eq!(parent_of_the_living(b""), None);
    }
}
