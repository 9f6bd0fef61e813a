//! From the outbox to the workers and back.
//!
//! ```text
//! jobs owed ──relay──► Redis ──worker_backend──► worker ──StartJob──► held ──…Finished──► done
//!    ▲                                                                  │
//!    └───────────── reconciler: lost in Redis, lease run out ◄──────────┘
//! ```
//!
//! Redis holds `{job id}` and nothing else. A message may come twice or never; the ledger refuses the second start
//! while the first one's lease runs, and the reconciler pushes again what never came.

mod backend;
pub(crate) mod priority;
mod relay;
mod status;
mod wake_ups;

use std::fmt;
use std::str::FromStr;

use containrlab_domain::ids::{InvalidName, JobId, RunnerId};
use serde::{Deserialize, Serialize};

pub(crate) use backend::FORGOTTEN;
pub use backend::WorkerBackend;
pub use status::{GivenUp, QueueStatus};

/// Jobs that one queue holds in Redis at most: its scripts break at about 8,000, and what waits in PostgreSQL can
/// still be put in a fairer order.
pub(crate) const MOST_QUEUED: i64 = 1000;

/// Jobs of one learner that one queue holds in Redis at most, so that somebody who submits 500 times delays nobody.
pub(crate) const MOST_QUEUED_PER_LEARNER: i64 = 4;

/// Jobs that nobody waits for and that one queue holds in Redis at most: enough that no worker runs dry until the relay is
/// told of a start, few enough that a learner who comes after them hardly notices.
pub(crate) const MOST_QUEUED_OF_WHAT_CAN_WAIT: i64 = 4;

/// The line for a sandbox: the place of session `$1`. The same order in which the relay pushes.
pub(crate) const LINE: &str = "select place from ( \
       select session_id, row_number() over (order by priority, turn, requested_at, job_id) as place from ( \
         select session_id, job_id, priority, requested_at, \
           row_number() over (partition by learner_id order by priority, requested_at, job_id) as turn \
         from jobs where queue = 'provision' and state in ('owed', 'queued')) as waiting) as line \
     where session_id = $1";

/// A queue in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Queue {
    /// Sessions that need a sandbox; any runner with room.
    Provision,
    /// Attempts that need a verdict; any runner.
    Judge,
    /// What only the runner that holds the session's sandbox can do.
    Runner(RunnerId),
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provision => f.write_str("provision"),
            Self::Judge => f.write_str("judge"),
            Self::Runner(runner) => write!(f, "runner:{runner}"),
        }
    }
}

impl FromStr for Queue {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || InvalidName(format!("{text:?} names no queue"));
        match text {
            "provision" => Ok(Self::Provision),
            "judge" => Ok(Self::Judge),
            _ => {
                let runner = text.strip_prefix("runner:").ok_or_else(unknown)?;
                runner.parse().map(Self::Runner).map_err(|_| unknown())
            }
        }
    }
}

impl TryFrom<String> for Queue {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Queue> for String {
    fn from(queue: Queue) -> Self {
        queue.to_string()
    }
}

/// The message in Redis: the rest is read from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedJob {
    /// The job that is to be done.
    pub job: JobId,
}

/// The queue's name in Redis, below the installation's namespace.
pub fn queue_name(namespace: &str, queue: &Queue) -> String {
    format!("{namespace}:queue:{queue}")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_queue_is_read_back_from_its_name() {
        for queue in [Queue::Provision, Queue::Judge, Queue::Runner(RunnerId(Uuid::from_u128(5)))] {
            assert_eq!(queue.to_string().parse(), Ok(queue));
        }
        for wrong in ["", "runner", "runner:", "runner:7", "other"] {
            assert!(wrong.parse::<Queue>().is_err(), "{wrong:?}");
        }
    }
}
