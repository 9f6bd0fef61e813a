//! The processes of containers: what they hold, and whether they have anything left to do.

use std::time::Duration;

use tokio::time::Instant;

use super::commands::ask;
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of the list that are read.
const LIST: usize = 1 << 20;

/// How long processes have to rest until they count as settled: an app that comes up works, or waits for a processor.
const SETTLED: Duration = Duration::from_millis(800);

/// All processes of a sandbox at one moment.
pub(super) struct Processes(Vec<Process>);

struct Process {
    pid: u32,
    parent: u32,
    /// It works, or would if it were given a processor or a disk.
    is_busy: bool,
    resident_kib: u64,
}

/// A process and all that descend from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// Bytes that they hold; what they share counts for each.
    pub(super) resident_bytes: u64,
    pub(super) members: u32,
    /// All of them wait for something from outside.
    pub(super) is_at_rest: bool,
}

impl Processes {
    pub(super) async fn look(agent: &AgentClient) -> Result<Self, AgentError> {
        let said = ask(agent, &["ps", "-e", "-o", "pid=,ppid=,rss=,stat="], LIST).await?;
        Ok(Self::parse(&said.stdout))
    }

    fn parse(list: &str) -> Self {
        let process = |line: &str| {
            let mut words = line.split_whitespace();
            let mut number = || words.next()?.parse::<u64>().ok();
            let (pid, parent, resident_kib) = (number()?, number()?, number()?);
            let is_busy = words.next()?.starts_with(['R', 'D']);
            Some(Process {
                pid: u32::try_from(pid).ok()?,
                parent: u32::try_from(parent).ok()?,
                is_busy,
                resident_kib,
            })
        };
        Self(list.lines().filter_map(process).collect())
    }

    /// The family of this process; an empty one does not rest, for there is none.
    pub(super) fn family(&self, root: u32) -> Family {
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(parent) = pids.get(next).copied() {
            pids.extend(self.0.iter().filter(|process| process.parent == parent).map(|process| process.pid));
            next += 1;
        }
        let members = || self.0.iter().filter(|process| pids.contains(&process.pid));
        Family {
            resident_bytes: members().map(|process| process.resident_kib * 1024).sum(),
            members: u32::try_from(members().count()).unwrap_or(u32::MAX),
            is_at_rest: members().next().is_some() && members().all(|process| !process.is_busy),
        }
    }
}

/// Since when a container rests, as far as it was looked at.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<Instant>);

impl Rest {
    /// Notes what was just seen. Says whether it has rested long enough: it has come up, and waits for whoever wants something.
    /// However slow the machine is, what still has work to do does not rest.
    pub(super) fn is_settled(&mut self, is_at_rest: bool, now: Instant) -> bool {
        if !is_at_rest {
            self.0 = None;
            return false;
        }
        now.duration_since(*self.0.get_or_insert(now)) >= SETTLED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_the_whole_family_of_its_first_process() {
        let list = "    1     0   500 Ss\n   10     1  1000 Ss\n   11    10  2000 S\n   12    11  3000 Sl+\n   13     1  9000 R\n";
        let processes = Processes::parse(list);
        let family = Family { resident_bytes: 6000 * 1024, members: 3, is_at_rest: true };
        assert_eq!(processes.family(10), family);
        assert!(!processes.family(1).is_at_rest, "one of its children works");
        let nobody = Family { resident_bytes: 0, members: 0, is_at_rest: false };
        assert_eq!(processes.family(99), nobody);
    }

    #[test]
    fn work_in_between_begins_the_wait_anew() {
        let (mut rest, start) = (Rest::default(), Instant::now());
        assert!(!rest.is_settled(true, start));
        assert!(!rest.is_settled(false, start + SETTLED / 2));
        assert!(!rest.is_settled(true, start + SETTLED));
        assert!(rest.is_settled(true, start + SETTLED * 2));
    }
}
