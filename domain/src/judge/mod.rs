//! The judge: what an attempt is worth, and why.
//!
//! Judging has three parts. [`static_findings`] reads the files; [`Plan::for_lab`] says as data what has to be built,
//! started and asked; whoever has an engine carries that out and answers with [`Observation`]s; [`evaluate`] turns both
//! into a verdict. The judge looks at what a Dockerfile means, never at how it is spelled.
//!
//! # Architecture invariant
//!
//! The same files, lab and observations always give the same verdict: nothing in here looks at a clock, a network or
//! an engine.

mod check;
pub mod checks;
mod compose_file;
mod compose_observation;
mod container_spec;
mod evaluate;
mod facts;
mod fault;
mod http_expectation;
mod notes;
mod observation;
mod plan;
mod planner;
pub mod progress;
mod session_facts;
mod subject;
mod text_pattern;

pub use check::Check;
pub(crate) use check::Common;
pub use checks::CheckKind;
pub use compose_observation::{
    ComposeConfigObserved, ComposeObserved, RESTARTS, ReachObserved, ServiceObserved,
};
pub use container_spec::ContainerSpec;
pub use evaluate::{SESSION_GONE, evaluate, static_findings, static_notes};
pub use http_expectation::{Expected, HttpExpectation, JsonExpectation, Method};
pub use observation::{
    BuildObserved, ContainerState, DifferenceObserved, EndedObserved, HealthObserved, HttpObserved,
    HttpResponse, ImageConfigObserved, ImageObserved, LayerHit, LayersObserved, LogsObserved, MemoryObserved,
    Observation, Observed, RunObserved, ScriptObserved, StoppedObserved,
};
pub use plan::{Action, Plan, PlanStep, ScriptPlace, StepId};
pub use session_facts::{SessionContainerFact, SessionFacts, SessionNetworkFact};
pub use subject::Subject;
pub use text_pattern::{Pattern, Wanted};

/// Which rules judged: goes up whenever the same attempt could come out otherwise.
pub const JUDGE_VERSION: u32 = 3;

/// Where the judge looks for the Dockerfile.
pub const DOCKERFILE: &str = "Dockerfile";

/// Where the judge looks for the ignore file.
pub const DOCKERIGNORE: &str = ".dockerignore";

#[cfg(test)]
mod tests;
