//! What every end-to-end test stands on: a whole system of its own, made of the real programs.

#![allow(dead_code, unused_imports, reason = "each test binary takes what it needs")]

mod processes;
mod system;

pub(crate) use self::processes::Process;
pub(crate) use self::system::{LIMIT, Parts, System};

/// A setting that `make test` gives.
///
/// # Panics
/// When it is not set.
pub(crate) fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `make test`, which starts databases and a Docker engine for the tests")
    })
}
