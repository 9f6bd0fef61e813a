//! What every test needs: a served api, people who use it, and somebody who does a runner's work.

mod gateway;
mod person;
mod runner;
pub mod served;
mod sse;

pub use gateway::Gateway;
pub use person::{Answer, Person};
pub use runner::Runner;
pub use served::Served;
pub use sse::Sse;

use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub const DEADLINE: Duration = Duration::from_secs(20);
