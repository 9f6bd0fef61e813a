//! What can go wrong in a sandbox that lives on: a code for the log and the counters, a sentence for the learner.

use serde::{Deserialize, Serialize};

/// How often one kind of trouble is written down in one session, so that its stream stays short.
pub const MAX_TROUBLES_OF_A_KIND: u32 = 10;

/// Trouble in a living sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The memory was full, and the kernel killed something.
    OutOfMemory,
    /// The disk's quota is used up.
    DiskFull,
    /// Something could not be started because there are too many processes.
    TooManyProcesses,
    /// The engine died; it is up again.
    EngineDied,
    /// The engine died and does not come back.
    EngineFailed,
    /// The engine does not come back since the learner's configuration of it can't be used.
    EngineMisconfigured,
    /// The engine cannot read its own store.
    ImageStoreDamaged,
    /// A terminal prints so much that it had to be slowed down.
    OutputFlood,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OutOfMemory,
        Self::DiskFull,
        Self::TooManyProcesses,
        Self::EngineDied,
        Self::EngineFailed,
        Self::EngineMisconfigured,
        Self::ImageStoreDamaged,
        Self::OutputFlood,
    ];

    /// The stable code, as it stands in events.
    pub fn code(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out_of_memory",
            Self::DiskFull => "disk_full",
            Self::TooManyProcesses => "too_many_processes",
            Self::EngineDied => "engine_died",
            Self::EngineFailed => "engine_failed",
            Self::EngineMisconfigured => "engine_misconfigured",
            Self::ImageStoreDamaged => "image_store_damaged",
            Self::OutputFlood => "output_flood",
        }
    }

    /// What happened, and what to do about it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::OutOfMemory => {
                "Your sandbox ran out of memory, and a program in it was stopped. Your files are intact: stop containers \
                 that you don't need, or let the program use less."
            }
            Self::DiskFull => {
                "Your sandbox's disk is full, so builds and downloads in it fail. Make room with docker system prune, or \
                 delete large files."
            }
            Self::TooManyProcesses => {
                "Your sandbox has as many processes as it may have, so nothing new can start in it. Stop what keeps \
                 starting others with Ctrl-C or docker stop."
            }
            Self::EngineDied => {
                "The Docker engine of your sandbox stopped and was started again. Your files and images are intact; \
                 containers that were running have ended: start them again."
            }
            Self::EngineFailed => {
                "The Docker engine of your sandbox does not start any more. Your files are kept: end this session and \
                 start the lab again from where you left."
            }
            Self::EngineMisconfigured => {
                "The Docker engine of your sandbox can't use its configuration, ~/.config/docker/daemon.json, and does not \
                 start. Mend the file or delete it: the engine is tried again every half minute."
            }
            Self::ImageStoreDamaged => {
                "The image store of your sandbox's Docker engine is damaged, so images and containers can't be used. Your \
                 files are kept: end this session and start the lab again from where you left."
            }
            Self::OutputFlood => {
                "A program prints faster than a terminal can show, so it is being slowed down. Stop it with Ctrl-C, or \
                 send what it prints to a file."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_events_hold_and_each_sentence_says_what_to_do() {
        for trouble in Trouble::ALL {
            assert_eq!(serde_json::to_value(trouble).unwrap(), trouble.code());
            assert!(trouble.sentence().split(['.', ':']).count() > 2, "{trouble:?}");
        }
    }
}
