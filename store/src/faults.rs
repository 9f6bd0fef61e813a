//! What the fault tests need inside the processes that they hurt: named points at which a process dies, stalls or stops,
//! shorter patience, and defects. Without the feature `faults`, which no release is built with, all of them are nothing.
//!
//! A test arms one point for one start of a process: `CONTAINRLAB_TEST_FAULT=relay_pushed:abort:3` lets it die when it
//! comes there for the third time, `relay_pushed:stall:1` lets it hang there for longer than a lease, and
//! `relay_pushed:stop:1` lets it stand still until it gets a SIGCONT.
//! `CONTAINRLAB_TEST_HASTE=10` makes every lease, sign of life and patience ten times shorter.
//! `CONTAINRLAB_TEST_DEFECT=lapsed_jobs_are_dropped` breaks a promise, for the test that the harness would notice.

#[cfg(not(feature = "faults"))]
use std::time::Duration;

/// A point at which a test may want this process to die, stall or stop.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Whether this process is to be broken in the way of this name.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn defect(_name: &str) -> bool {
    false
}

/// How long something takes or is waited for; shorter in a test that is in haste.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn hastened(duration: Duration) -> Duration {
    duration
}

#[cfg(feature = "faults")]
pub use armed::{defect, hastened, point};

#[cfg(feature = "faults")]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use crate::LEASE;

    struct Fault {
        point: String,
        effect: Effect,
        /// Visits until it strikes.
        left: AtomicU32,
    }

    #[derive(Clone, Copy)]
    enum Effect {
        Abort,
        Stall,
        Stop,
    }

    static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
        let text = std::env::var("CONTAINRLAB_TEST_FAULT").ok()?;
        Some(
            parse(&text).unwrap_or_else(|| panic!("CONTAINRLAB_TEST_FAULT={text} is not point:effect:visit")),
        )
    });

    static HASTE: LazyLock<u32> = LazyLock::new(|| {
        let text = std::env::var("CONTAINRLAB_TEST_HASTE").unwrap_or_else(|_| "1".to_owned());
        text.parse().ok().filter(|haste| *haste > 0).expect("CONTAINRLAB_TEST_HASTE is a number from 1")
    });

    fn parse(text: &str) -> Option<Fault> {
        let mut words = text.split(':');
        let (point, effect, visit) = (words.next()?, words.next()?, words.next()?);
        let effect = match effect {
            "abort" => Effect::Abort,
            "stall" => Effect::Stall,
            "stop" => Effect::Stop,
            _ => return None,
        };
        Some(Fault { point: point.to_owned(), effect, left: AtomicU32::new(visit.parse().ok()?) })
    }

    static DEFECT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("CONTAINRLAB_TEST_DEFECT").ok());

    /// Whether this process is to be broken in the way of this name.
    pub fn defect(name: &str) -> bool {
        DEFECT.as_deref() == Some(name)
    }

    /// A point at which a test may want this process to die, stall or stop.
    pub fn point(name: &str) {
        let Some(fault) = FAULT.as_ref().filter(|fault| fault.point == name) else { return };
        if fault.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)) != Ok(1) {
            return;
        }
        match fault.effect {
            Effect::Abort => {
                eprintln!("the fault armed at {name} strikes: this process dies");
                std::process::abort();
            }
            Effect::Stall => {
                eprintln!("the fault armed at {name} strikes: this thread stalls");
                // Blocks the thread on purpose, as a machine that swaps does.
                std::thread::sleep(hastened(LEASE) * 3 / 2);
            }
            Effect::Stop => {
                eprintln!("the fault armed at {name} strikes: this process stops");
                let this = rustix::process::getpid();
                rustix::process::kill_process(this, rustix::process::Signal::STOP)
                    .expect("a process may stop itself");
                // Another thread may be the one that gets the signal: this one must not go on until it has had its effect.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// How long something takes or is waited for; shorter in a test that is in haste.
    pub fn hastened(duration: Duration) -> Duration {
        duration / *HASTE
    }
}
