//! What every test needs: a served api, people who use it, and somebody who does a runner's work.

mod gateway;
mod person;
mod runner;
pub(crate) mod served;
mod service;
mod sse;

pub(crate) use gateway::Gateway;
pub(crate) use person::{Answer, Person};
pub(crate) use runner::Runner;
pub(crate) use served::Served;
pub(crate) use service::Service;
pub(crate) use sse::Sse;

use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
